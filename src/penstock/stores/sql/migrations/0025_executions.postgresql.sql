-- Where each execution ran and what code it had, as columns of lists and groups: the newest attempt's host, and the part `code` of the
-- cache key (of a flow's task the digest of its code package). Tasks from before have the code that their cache entry names.
ALTER TABLE task ADD COLUMN worker TEXT NOT NULL DEFAULT '';
ALTER TABLE task ADD COLUMN code_digest TEXT NOT NULL DEFAULT '';
UPDATE task SET worker = COALESCE(detail::jsonb ->> 'host', '') WHERE detail <> '{}';
UPDATE task SET code_digest = COALESCE((
    SELECT cache_entry.parts::jsonb ->> 'code' FROM cache_entry
    WHERE cache_entry.fingerprint = task.cache_fingerprint AND cache_entry.task_id = COALESCE(task.cached_task_id, task.task_id)
), '') WHERE cache_fingerprint IS NOT NULL;
CREATE INDEX task_code ON task (code_digest, created_at);
