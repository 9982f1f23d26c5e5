-- Executions in the order of how long they took, the unfinished at the end, without sorting all of them.
CREATE INDEX task_page_duration ON task (
    (COALESCE(finished_at, 9000000000000.0) - COALESCE(started_at, created_at)), task_id
);
