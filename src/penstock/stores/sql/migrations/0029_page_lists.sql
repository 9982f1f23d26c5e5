-- Pages of lists newest first and by name, from an index; the schedules of a pipeline; the runs of a project by state and by activity.
CREATE INDEX pipeline_page_created ON pipeline (created_at, pipeline_id);
CREATE INDEX pipeline_page_name ON pipeline (display_name, pipeline_id);
CREATE INDEX recurring_run_page_created ON recurring_run (created_at, recurring_run_id);
CREATE INDEX recurring_run_pipeline ON recurring_run (pipeline_id);
CREATE INDEX artifact_page_name ON artifact (name, artifact_id);
CREATE INDEX tracked_run_state ON tracked_run (project_id, state);
CREATE INDEX tracked_run_updated ON tracked_run (project_id, updated_at);
CREATE INDEX flow_run_started ON flow_run (ts_epoch, run_number);
CREATE INDEX flow_run_user ON flow_run (user_name, ts_epoch, run_number);
CREATE INDEX flow_run_flow_started ON flow_run (flow_id, ts_epoch, run_number);
CREATE INDEX run_flow_state ON run (state) WHERE kind = 'flow';
-- The id of a flow's run in the table `run`.
CREATE INDEX flow_run_shared ON flow_run ((flow_id || '/' || COALESCE(run_id, CAST(run_number AS TEXT))));
