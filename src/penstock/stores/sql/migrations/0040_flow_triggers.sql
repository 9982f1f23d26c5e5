-- What started a run, as its client told (metadata `execution-triggers` of its first step): the value of that row, see `flow_triggers`.
ALTER TABLE flow_run ADD COLUMN triggers TEXT;
UPDATE flow_run SET triggers = (
    SELECT MAX(value) FROM flow_metadata WHERE flow_metadata.run_number = flow_run.run_number AND field_name = 'execution-triggers')
WHERE run_number IN (SELECT run_number FROM flow_metadata WHERE field_name = 'execution-triggers' AND LENGTH(value) < 20000);
-- Runs of deployed flows have a UUID for an id: people read their number, which stands for it in addresses, too.
UPDATE run SET name = (
    SELECT flow_run.flow_id || '/' || CAST(flow_run.run_number AS TEXT) FROM flow_run
    WHERE flow_run.flow_id || '/' || COALESCE(flow_run.run_id, CAST(flow_run.run_number AS TEXT)) = run.run_id)
WHERE kind = 'flow' AND run_id LIKE '%/________-____-____-____-____________' AND EXISTS (
    SELECT 1 FROM flow_run
    WHERE flow_run.flow_id || '/' || COALESCE(flow_run.run_id, CAST(flow_run.run_number AS TEXT)) = run.run_id);
-- Runs are found by the id that their client gave them, whatever their flow: by the engine that executes them, and by its beginning in lists.
CREATE INDEX flow_run_given ON flow_run (run_id);
