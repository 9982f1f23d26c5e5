-- What the runs list sorts by and searches in, so that a first page costs no scan of the runs themselves.
CREATE INDEX run_page_recent ON run (storage_state, created_at, run_id, name, pipeline_name);
CREATE INDEX run_page_name ON run (storage_state, name, run_id);
CREATE INDEX run_page_state ON run (storage_state, state, run_id);
CREATE INDEX run_page_duration ON run (
    storage_state, (COALESCE(finished_at, 9000000000000.0) - COALESCE(started_at, created_at)), run_id
);
CREATE INDEX run_page_experiment ON run (experiment_id, storage_state, created_at, run_id);
CREATE INDEX run_page_pipeline ON run (pipeline_id, storage_state, created_at, run_id);
