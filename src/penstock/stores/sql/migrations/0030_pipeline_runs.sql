-- Runs of pipelines by time, where most of the table is runs of flows.
CREATE INDEX run_pipelines_created ON run (created_at, run_id) WHERE kind IN ('kfp', 'argo');
