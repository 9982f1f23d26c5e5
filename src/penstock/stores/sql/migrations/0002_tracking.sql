-- Tracked runs (W&B style): projects, runs, documents, indexed values, files, console. Series of rows live in column files, not here.

CREATE TABLE tracked_project (
    project_id {bigint} PRIMARY KEY,
    entity TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    user_name TEXT NOT NULL DEFAULT '',
    settings TEXT NOT NULL DEFAULT '{}',
    created_at {double} NOT NULL,
    updated_at {double} NOT NULL,
    run_counter INTEGER NOT NULL DEFAULT 0, -- runs ever created: numbers in made-up display names
    UNIQUE (entity, name)
);

CREATE TABLE tracked_run (
    run_id {bigint} PRIMARY KEY,
    project_id {bigint} NOT NULL,
    name TEXT NOT NULL,                     -- the run id that users see
    display_name TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at {double} NOT NULL,
    updated_at {double} NOT NULL,
    heartbeat_at {double} NOT NULL,
    finished_at {double},
    exit_code INTEGER,
    group_name TEXT NOT NULL DEFAULT '',
    job_type TEXT NOT NULL DEFAULT '',
    user_name TEXT NOT NULL DEFAULT '',
    sweep TEXT NOT NULL DEFAULT '',
    host TEXT NOT NULL DEFAULT '',
    program TEXT NOT NULL DEFAULT '',
    commit_hash TEXT NOT NULL DEFAULT '',
    repo TEXT NOT NULL DEFAULT '',
    stop_requested INTEGER NOT NULL DEFAULT 0,
    task_id TEXT,                           -- pipeline task or flow step whose record this is
    pipeline_run_id TEXT,                   -- run of that task (kind kfp, argo or flow)
    is_automatic INTEGER NOT NULL DEFAULT 0, -- made for a task; no client wrote to it yet
    is_shared INTEGER NOT NULL DEFAULT 0,
    values_stale INTEGER NOT NULL DEFAULT 0, -- documents changed since tracked_value was filled
    tags TEXT NOT NULL DEFAULT '[]',
    writers TEXT NOT NULL DEFAULT '{}',     -- shared mode: {client id: {"done": bool, "exit_code": int}}
    description TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '',
    UNIQUE (project_id, name)
);
CREATE INDEX tracked_run_created ON tracked_run (project_id, created_at, run_id);
CREATE INDEX tracked_run_task ON tracked_run (task_id);
CREATE INDEX tracked_run_pipeline_run ON tracked_run (pipeline_run_id);
CREATE INDEX tracked_run_live ON tracked_run (state, heartbeat_at);
CREATE INDEX tracked_run_stale ON tracked_run (project_id) WHERE values_stale = 1;

CREATE TABLE tracked_document (             -- apart from the record, so that scanning records stays cheap
    run_id {bigint} PRIMARY KEY,
    config TEXT NOT NULL DEFAULT '{}',      -- as the client sent it
    summary TEXT NOT NULL DEFAULT '{}',
    base_config TEXT NOT NULL DEFAULT '{}'  -- parameters of the task; laid under every config that a client sends
);

CREATE TABLE tracked_key (                  -- names of indexed values: 'c.lr' from config, 's.loss' from summary, 'h.loss' from history
    key_id {serial},
    project_id {bigint} NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (project_id, name)
);

CREATE TABLE tracked_value (                -- config and summary flattened: filters and sort orders
    key_id {bigint} NOT NULL,
    run_id {bigint} NOT NULL,
    kind TEXT NOT NULL,                     -- n number | s string | b boolean | z null | j list or object
    number {double},                        -- NULL for NaN; booleans are 0 and 1
    text TEXT,                              -- strings; exact digits of integers over 2**53; JSON of lists
    PRIMARY KEY (key_id, run_id)
);
CREATE INDEX tracked_value_number ON tracked_value (key_id, kind, number, run_id);
CREATE INDEX tracked_value_run ON tracked_value (run_id);

CREATE TABLE tracked_tag (
    project_id {bigint} NOT NULL,
    tag TEXT NOT NULL,
    run_id {bigint} NOT NULL,
    PRIMARY KEY (project_id, tag, run_id)
);
CREATE INDEX tracked_tag_run ON tracked_tag (run_id);

CREATE TABLE tracked_file (
    file_id {bigint} PRIMARY KEY,
    run_id {bigint} NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    size_bytes {bigint} NOT NULL,
    md5 TEXT NOT NULL DEFAULT '',
    mimetype TEXT NOT NULL DEFAULT '',
    updated_at {double} NOT NULL,
    UNIQUE (run_id, name)
);
CREATE INDEX tracked_file_digest ON tracked_file (digest);

CREATE TABLE tracked_console (
    run_id {bigint} NOT NULL,
    number INTEGER NOT NULL,                -- line number; a later write of the same line replaces it
    raw TEXT NOT NULL,                      -- as sent
    writer TEXT NOT NULL DEFAULT '',        -- shared mode: who sent it
    writer_line INTEGER NOT NULL DEFAULT 0, -- shared mode: its number at the writer
    PRIMARY KEY (run_id, number)
);
CREATE UNIQUE INDEX tracked_console_writer ON tracked_console (run_id, writer, writer_line) WHERE writer <> '';
