-- Values of flow runs that are kept outside the datastore, and tasks whose values are still to be read into their tracked run.
ALTER TABLE flow_run ADD COLUMN parameters TEXT;    -- JSON object; NULL until read

CREATE TABLE flow_unread (
    task_number {bigint} PRIMARY KEY, run_number {bigint} NOT NULL, step_name TEXT NOT NULL, attempt INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0
);
