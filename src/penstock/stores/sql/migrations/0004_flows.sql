-- Metaflow metadata: what clients wrote, exactly. The shared run and task tables get a projection in the same transaction
-- (run_id = <Flow>/<run>, task_id = <Flow>/<run>/<step>/<task>). ts_epoch is milliseconds, last_heartbeat_ts seconds.

CREATE TABLE flow (
    flow_id TEXT PRIMARY KEY, user_name TEXT, ts_epoch {bigint} NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]', system_tags TEXT NOT NULL DEFAULT '[]'
);

CREATE TABLE flow_run (
    run_number {serial},
    flow_id TEXT NOT NULL, run_id TEXT, user_name TEXT, ts_epoch {bigint} NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]', system_tags TEXT NOT NULL DEFAULT '[]', last_heartbeat_ts {bigint},
    end_step TEXT NOT NULL DEFAULT 'end',
    UNIQUE (flow_id, run_id)
);
CREATE INDEX flow_run_flow ON flow_run (flow_id, run_number);

CREATE TABLE flow_step (
    run_number {bigint} NOT NULL, step_name TEXT NOT NULL, user_name TEXT, ts_epoch {bigint} NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]', system_tags TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (run_number, step_name)
);

CREATE TABLE flow_task (
    task_number {serial},
    run_number {bigint} NOT NULL, step_name TEXT NOT NULL, task_name TEXT, user_name TEXT, ts_epoch {bigint} NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]', system_tags TEXT NOT NULL DEFAULT '[]', last_heartbeat_ts {bigint},
    UNIQUE (run_number, step_name, task_name)
);
CREATE INDEX flow_task_step ON flow_task (run_number, step_name, task_number);

CREATE TABLE flow_metadata (
    id {serial},
    run_number {bigint} NOT NULL, step_name TEXT NOT NULL, task_number {bigint} NOT NULL,
    field_name TEXT NOT NULL, value TEXT NOT NULL, type TEXT NOT NULL, user_name TEXT, ts_epoch {bigint} NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]', system_tags TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX flow_metadata_task ON flow_metadata (task_number, id);
CREATE INDEX flow_metadata_step ON flow_metadata (run_number, step_name, field_name);

CREATE TABLE flow_artifact (
    task_number {bigint} NOT NULL, attempt_id INTEGER NOT NULL, name TEXT NOT NULL,
    run_number {bigint} NOT NULL, step_name TEXT NOT NULL,
    location TEXT, ds_type TEXT, sha TEXT, type TEXT, content_type TEXT, user_name TEXT, ts_epoch {bigint} NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]', system_tags TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (task_number, attempt_id, name)
);
CREATE INDEX flow_artifact_run ON flow_artifact (run_number, step_name);
CREATE INDEX flow_artifact_sha ON flow_artifact (sha);
