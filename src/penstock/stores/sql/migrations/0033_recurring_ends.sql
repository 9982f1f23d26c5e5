-- Which runs of a schedule had not ended at some time, however old they are.
CREATE INDEX run_recurring_finished ON run (recurring_run_id, finished_at) WHERE recurring_run_id IS NOT NULL;
