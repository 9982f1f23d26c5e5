-- Entities, artifact versions, collections, sweeps, reports, alerts. Projects and tracked runs are in 0002_tracking.sql.
-- Times are seconds since the epoch (UTC) as doubles. MD5 digests are hex here and base64 on the wire.

CREATE TABLE tracked_entity (
    entity_id {serial}, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created_at {double} NOT NULL
);

CREATE TABLE collection_type (
    type_id {serial},
    project_id {bigint} NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL DEFAULT '', created_at {double} NOT NULL,
    UNIQUE (project_id, name)
);

CREATE TABLE collection (
    collection_id {serial},
    project_id {bigint} NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,                     -- sequence | portfolio
    type_name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    client_id TEXT,                         -- sequenceClientID of the first version
    next_index INTEGER NOT NULL DEFAULT 0,  -- version numbers are never reused
    created_at {double} NOT NULL,
    updated_at {double} NOT NULL,
    UNIQUE (project_id, name)
);
CREATE INDEX collection_client ON collection (client_id);
CREATE TABLE collection_tag (
    collection_id {bigint} NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (collection_id, tag)
);

CREATE TABLE artifact_version (
    version_id {serial},
    collection_id {bigint} NOT NULL,        -- its source sequence
    project_id {bigint} NOT NULL,
    state TEXT NOT NULL,                    -- PENDING | COMMITTED | DELETED
    digest TEXT NOT NULL,                   -- of the manifest, hex
    version_index INTEGER,                  -- set by the commit
    description TEXT,
    metadata TEXT,                          -- JSON text as sent
    labels TEXT,
    size_bytes {bigint} NOT NULL DEFAULT 0,
    file_count {bigint} NOT NULL DEFAULT 0,
    client_id TEXT,
    distributed_id TEXT,
    ttl_seconds {bigint},                   -- NULL: inherited; -2: never
    history_step {bigint},
    creator_run_id {bigint},                -- tracked run; NULL when no run logged it
    creator_user TEXT NOT NULL DEFAULT '',
    aliases TEXT NOT NULL DEFAULT '[]',     -- asked for at creation, given at the commit
    manifest_digest TEXT,                   -- blob of the full manifest; set by the commit
    created_at {double} NOT NULL,
    updated_at {double} NOT NULL,
    committed_at {double}
);
CREATE INDEX artifact_version_digest ON artifact_version (collection_id, digest);
CREATE INDEX artifact_version_client ON artifact_version (client_id);
CREATE INDEX artifact_version_distributed ON artifact_version (collection_id, distributed_id);
CREATE TABLE version_tag (
    version_id {bigint} NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (version_id, tag)
);

CREATE TABLE version_manifest (
    manifest_id {serial},
    version_id {bigint} NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,                     -- FULL | INCREMENTAL | PATCH
    md5 TEXT NOT NULL DEFAULT '',           -- of the file to be uploaded; empty until announced
    base_version_id {bigint},
    blob_digest TEXT,                       -- set by the upload
    size_bytes {bigint},
    created_at {double} NOT NULL
);
CREATE INDEX version_manifest_version ON version_manifest (version_id, manifest_id);

CREATE TABLE membership (                   -- a version in a collection: in its sequence, and once per link
    membership_id {serial},
    collection_id {bigint} NOT NULL,
    version_id {bigint} NOT NULL,
    version_index INTEGER NOT NULL,
    created_at {double} NOT NULL,
    UNIQUE (collection_id, version_id),
    UNIQUE (collection_id, version_index)
);
CREATE INDEX membership_version ON membership (version_id);
CREATE TABLE membership_alias (             -- an alias names one version of a collection
    collection_id {bigint} NOT NULL, alias TEXT NOT NULL, version_id {bigint} NOT NULL, created_at {double} NOT NULL,
    PRIMARY KEY (collection_id, alias)
);
CREATE INDEX membership_alias_version ON membership_alias (version_id);

CREATE TABLE version_use (                  -- lineage edges of tracked runs
    tracked_run_id {bigint} NOT NULL,
    version_id {bigint} NOT NULL,
    direction TEXT NOT NULL,                -- input | output
    used_as TEXT,
    created_at {double} NOT NULL,
    PRIMARY KEY (tracked_run_id, direction, version_id)
);
CREATE INDEX version_use_version ON version_use (version_id, direction);

CREATE TABLE project_content (              -- bytes that a project's artifacts may refer to by MD5
    project_id {bigint} NOT NULL,
    md5 TEXT NOT NULL,
    blob_digest TEXT NOT NULL,
    size_bytes {bigint} NOT NULL,
    birth_version_id {bigint} NOT NULL,
    PRIMARY KEY (project_id, md5)
);
CREATE INDEX project_content_blob ON project_content (blob_digest);

CREATE TABLE upload_part (                  -- parts of large files on their way in
    version_id {bigint} NOT NULL, md5 TEXT NOT NULL, number INTEGER NOT NULL, part_md5 TEXT NOT NULL, blob_digest TEXT NOT NULL,
    size_bytes {bigint} NOT NULL, PRIMARY KEY (version_id, md5, number)
);

CREATE TABLE registry (                     -- what a registry has beyond a project
    project_id {bigint} PRIMARY KEY, allow_all_types INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE project_member (               -- roles in a registry, by user or team
    project_id {bigint} NOT NULL, entity_id {bigint} NOT NULL, role TEXT NOT NULL, PRIMARY KEY (project_id, entity_id)
);

CREATE TABLE sweep (
    sweep_id {serial},
    project_id {bigint} NOT NULL,
    name TEXT NOT NULL,                     -- what users see, 8 characters
    display_name TEXT,
    description TEXT,
    config TEXT NOT NULL,                   -- YAML as sent
    method TEXT NOT NULL,
    state TEXT NOT NULL,                    -- PENDING | RUNNING | PAUSED | FINISHED | CANCELED
    controller TEXT,
    scheduler TEXT,
    user_name TEXT NOT NULL DEFAULT '',
    run_limit INTEGER,
    prior_runs TEXT,                        -- filters, JSON
    next_trial INTEGER NOT NULL DEFAULT 0,
    heartbeat_at {double},
    created_at {double} NOT NULL,
    updated_at {double} NOT NULL,
    UNIQUE (project_id, name)
);
CREATE TABLE sweep_trial (
    sweep_id {bigint} NOT NULL,
    position INTEGER NOT NULL,
    run_name TEXT NOT NULL,
    agent_id {bigint} NOT NULL,
    parameters TEXT NOT NULL,               -- {"lr": 0.1, "model.depth": 3} with nested names joined by dots
    state TEXT NOT NULL,                    -- handed_out | stopping | done
    created_at {double} NOT NULL,
    PRIMARY KEY (sweep_id, position)
);
CREATE UNIQUE INDEX sweep_trial_run ON sweep_trial (sweep_id, run_name);
CREATE TABLE sweep_agent (
    agent_id {serial},
    sweep_id {bigint} NOT NULL,
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    user_name TEXT NOT NULL DEFAULT '',
    trial_count INTEGER NOT NULL DEFAULT 0,
    created_at {double} NOT NULL,
    heartbeat_at {double} NOT NULL
);
CREATE INDEX sweep_agent_sweep ON sweep_agent (sweep_id, agent_id);

CREATE TABLE report (
    report_id {serial},
    project_id {bigint} NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    display_name TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL DEFAULT '',
    spec TEXT NOT NULL DEFAULT '{}',
    user_name TEXT NOT NULL,
    is_locked INTEGER NOT NULL DEFAULT 0,
    created_at {double} NOT NULL,
    updated_at {double} NOT NULL
);
CREATE INDEX report_project ON report (project_id, type, updated_at);

CREATE TABLE alert (
    alert_id {serial},
    tracked_run_id {bigint} NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    severity TEXT NOT NULL,                 -- INFO | WARN | ERROR
    created_at {double} NOT NULL
);
CREATE INDEX alert_run ON alert (tracked_run_id, title, created_at);
CREATE INDEX alert_created ON alert (created_at);

CREATE TABLE protocol_gap (                 -- what clients ask for and the server does not have
    protocol TEXT NOT NULL, what TEXT NOT NULL, client TEXT NOT NULL, seen INTEGER NOT NULL, last_seen_at {double} NOT NULL,
    PRIMARY KEY (protocol, what, client)
);
