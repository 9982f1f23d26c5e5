-- Runs, tasks, attempts and artifacts: shared by pipelines (kind kfp, argo) and recorded flows (kind flow).
-- Times are seconds since the epoch (UTC) as doubles. JSON columns hold compact JSON text unless a line says otherwise.

CREATE TABLE spec (
    digest TEXT PRIMARY KEY,                -- sha256:<hex> of content
    kind TEXT NOT NULL,                     -- kfp | argo
    name TEXT NOT NULL,                     -- pipeline name inside the document
    content TEXT NOT NULL,                  -- canonical JSON: {"pipeline_spec": .., "platform_spec": ..} or the Argo manifest
    source TEXT,                            -- text as uploaded (YAML), when there was one
    created_at {double} NOT NULL
);

CREATE TABLE experiment (
    experiment_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    namespace TEXT NOT NULL DEFAULT '',
    storage_state TEXT NOT NULL DEFAULT 'AVAILABLE',
    created_at {double} NOT NULL,
    last_run_created_at {double},
    UNIQUE (namespace, name)
);

CREATE TABLE pipeline (
    pipeline_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    namespace TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '{}',
    default_version_id TEXT,                -- kfp 1.8 only; newest version otherwise
    created_at {double} NOT NULL,
    UNIQUE (namespace, name)
);

CREATE TABLE pipeline_version (
    pipeline_version_id TEXT PRIMARY KEY,
    pipeline_id TEXT NOT NULL REFERENCES pipeline (pipeline_id),
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    spec_digest TEXT NOT NULL REFERENCES spec (digest),
    package_url TEXT,
    code_source_url TEXT,
    tags TEXT NOT NULL DEFAULT '{}',
    created_at {double} NOT NULL,
    UNIQUE (pipeline_id, name)
);

CREATE TABLE recurring_run (
    recurring_run_id TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    experiment_id TEXT NOT NULL,
    namespace TEXT NOT NULL DEFAULT '',
    spec_digest TEXT,                       -- inline spec
    pipeline_id TEXT,
    pipeline_version_id TEXT,               -- NULL with pipeline_id: latest at each trigger
    runtime_config TEXT NOT NULL DEFAULT '{}',
    service_account TEXT NOT NULL DEFAULT '',
    max_concurrency INTEGER NOT NULL,
    trigger_spec TEXT NOT NULL,             -- {"cron": .., "start": .., "end": ..} or {"interval_seconds": .., ..}
    no_catchup INTEGER NOT NULL DEFAULT 0,
    is_enabled INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'ENABLED',
    error TEXT,
    extra TEXT NOT NULL DEFAULT '{}',
    created_at {double} NOT NULL,
    updated_at {double} NOT NULL,
    enabled_at {double},                    -- times before it are never caught up
    last_trigger_at {double},               -- planned time of the last firing or skip
    trigger_index INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE recurring_tick (               -- history of a schedule, one row per planned time considered
    recurring_run_id TEXT NOT NULL,
    planned_at {double} NOT NULL,
    decided_at {double} NOT NULL,
    outcome TEXT NOT NULL,                  -- fired | skipped | error
    reason TEXT NOT NULL DEFAULT '',
    run_id TEXT,
    PRIMARY KEY (recurring_run_id, planned_at)
);

CREATE TABLE run (
    run_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,                     -- kfp | argo | flow
    name TEXT NOT NULL,                     -- display name
    description TEXT NOT NULL DEFAULT '',
    namespace TEXT NOT NULL DEFAULT '',
    experiment_id TEXT,
    resource_name TEXT NOT NULL DEFAULT '',
    pipeline_name TEXT NOT NULL DEFAULT '', -- from the spec, or the flow's name
    pipeline_id TEXT,
    pipeline_version_id TEXT,
    spec_digest TEXT,
    recurring_run_id TEXT,
    parameters TEXT NOT NULL DEFAULT '{}',  -- as given by the caller
    pipeline_root TEXT NOT NULL DEFAULT '',
    service_account TEXT NOT NULL DEFAULT '',
    options TEXT NOT NULL DEFAULT '{}',     -- {"no_cache": true, "plugins_input": .., "labels": ..}
    tags TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL,                    -- internal RuntimeState; a terminated run ends CANCELED here
    storage_state TEXT NOT NULL DEFAULT 'AVAILABLE',
    state_history TEXT NOT NULL DEFAULT '[]', -- [{"at":..,"state":..,"error":..}]
    error TEXT,                             -- {"code":int,"message":str}
    created_at {double} NOT NULL,
    scheduled_at {double} NOT NULL,
    started_at {double},
    finished_at {double},
    task_count INTEGER NOT NULL DEFAULT 0,  -- leaf tasks known so far
    done_count INTEGER NOT NULL DEFAULT 0,
    failed_count INTEGER NOT NULL DEFAULT 0,
    cached_count INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0,     -- grows with every journal write; for live pages
    owner TEXT                              -- server that drives it (leases)
);
CREATE INDEX run_created ON run (storage_state, created_at, run_id);
CREATE INDEX run_experiment ON run (experiment_id, created_at);
CREATE INDEX run_recurring ON run (recurring_run_id, created_at);
CREATE INDEX run_state ON run (state, created_at);
CREATE INDEX run_name ON run (name);
CREATE INDEX run_pipeline ON run (pipeline_name, created_at);

CREATE TABLE run_parameter (                -- one row per root parameter: filters and columns
    run_id TEXT NOT NULL, name TEXT NOT NULL, number {double}, text TEXT, PRIMARY KEY (run_id, name)
);
CREATE INDEX run_parameter_name ON run_parameter (name, number);
CREATE TABLE run_metric (                   -- scalar metrics of a run (system.Metrics, mlpipeline-metrics)
    run_id TEXT NOT NULL, task_id TEXT NOT NULL, name TEXT NOT NULL, number {double}, text TEXT, format TEXT NOT NULL DEFAULT 'RAW',
    PRIMARY KEY (run_id, task_id, name)
);
CREATE INDEX run_metric_name ON run_metric (name, number);

CREATE TABLE run_event (                    -- the truth about an engine run: replaying it rebuilds the state
    run_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at {double} NOT NULL,
    type TEXT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)
);

CREATE TABLE task (                         -- projection of the engine's state, one row per node
    task_id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    execution_id {bigint} NOT NULL,
    parent_task_id TEXT,
    path TEXT NOT NULL,
    task_key TEXT NOT NULL,
    display_name TEXT NOT NULL,
    type TEXT NOT NULL,
    component TEXT NOT NULL DEFAULT '',
    iteration_index INTEGER,
    iteration_count INTEGER,
    position INTEGER NOT NULL DEFAULT 0,    -- order of creation in the run
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',        -- why it is in this state, a sentence
    created_at {double} NOT NULL,
    started_at {double},
    finished_at {double},
    attempts INTEGER NOT NULL DEFAULT 0,
    is_cached INTEGER NOT NULL DEFAULT 0,
    cached_task_id TEXT,                    -- original of a hit
    cache_fingerprint TEXT,
    cache_reason TEXT NOT NULL DEFAULT '',  -- why it missed, or which run it was reused from
    error TEXT,                             -- {"kind":..,"message":..,"exit_code":..}
    inputs TEXT NOT NULL DEFAULT '{}',      -- {"parameters": {k: v}, "artifacts": {k: [artifact_id]}, "producers": {k: {"task":..,"key":..}}}
    outputs TEXT NOT NULL DEFAULT '{}',     -- {"parameters": {k: v}, "artifacts": {k: [artifact_id]}}
    detail TEXT NOT NULL DEFAULT '{}'       -- warnings and what AttemptStarted.detail and usage said, newest attempt
);
CREATE INDEX task_run ON task (run_id, position);
CREATE INDEX task_parent ON task (parent_task_id, iteration_index);
CREATE INDEX task_component ON task (component, created_at);
CREATE INDEX task_created ON task (created_at, task_id);

CREATE TABLE attempt (
    task_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at {double} NOT NULL,
    started_at {double},
    finished_at {double},
    exit_code INTEGER,
    error TEXT,
    detail TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (task_id, attempt)
);

CREATE TABLE task_note (                    -- Events tab
    task_id TEXT NOT NULL, run_id TEXT NOT NULL, seq INTEGER NOT NULL, attempt INTEGER, at {double} NOT NULL,
    kind TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (task_id, seq)
);

CREATE TABLE artifact (
    artifact_id {bigint} PRIMARY KEY,
    run_id TEXT, task_id TEXT,              -- producer; NULL for imports by hand
    name TEXT NOT NULL, output_key TEXT NOT NULL DEFAULT '',
    type TEXT NOT NULL, type_version TEXT NOT NULL DEFAULT '0.0.1',
    uri TEXT NOT NULL, digest TEXT, size_bytes {bigint}, is_directory INTEGER NOT NULL DEFAULT 0,
    metadata TEXT NOT NULL DEFAULT '{}', created_at {double} NOT NULL
);
CREATE INDEX artifact_uri ON artifact (uri);
CREATE INDEX artifact_digest ON artifact (digest);
CREATE INDEX artifact_task ON artifact (task_id);
CREATE INDEX artifact_created ON artifact (created_at, artifact_id);

CREATE TABLE artifact_use (                 -- lineage edges of tasks
    task_id TEXT NOT NULL, run_id TEXT NOT NULL, artifact_id {bigint} NOT NULL,
    direction TEXT NOT NULL,                -- input | output
    key TEXT NOT NULL, position INTEGER NOT NULL DEFAULT 0, at {double} NOT NULL,
    PRIMARY KEY (task_id, direction, key, position)
);
CREATE INDEX artifact_use_artifact ON artifact_use (artifact_id, direction);

CREATE TABLE cache_entry (
    fingerprint TEXT NOT NULL, task_id TEXT NOT NULL, run_id TEXT NOT NULL,
    scope TEXT NOT NULL,                    -- namespace/pipeline name
    component TEXT NOT NULL,
    parts TEXT NOT NULL,                    -- {"code":digest,"parameter:x":digest,"artifact:d":digest,"image":..,"options":..}
    outputs TEXT NOT NULL,                  -- encoded TaskOutputs
    created_at {double} NOT NULL,
    PRIMARY KEY (fingerprint, task_id)
);
CREATE INDEX cache_component ON cache_entry (scope, component, created_at);

CREATE TABLE secret (                       -- kind: secret | configmap; value is base64 JSON {entry: b64}
    kind TEXT NOT NULL, name TEXT NOT NULL, entries TEXT NOT NULL, updated_at {double} NOT NULL, PRIMARY KEY (kind, name)
);

CREATE TABLE api_key (
    key_id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE,   -- sha256 of the key; the key itself is shown once
    prefix TEXT NOT NULL, user_name TEXT NOT NULL, description TEXT NOT NULL DEFAULT '',
    scope TEXT NOT NULL DEFAULT '{}',       -- {"run_id":..,"task_id":..} for keys injected into tasks
    created_at {double} NOT NULL, expires_at {double}, revoked_at {double}, last_used_at {double}
);

CREATE TABLE server_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
