-- What people say about outputs of pipelines, how long their bytes are kept, and who changed that. Clients of pipelines see none of it.
CREATE TABLE artifact_note (
    artifact_id {bigint} PRIMARY KEY,
    description TEXT NOT NULL DEFAULT '',
    ttl_seconds {bigint},                   -- from the artifact's creation; NULL: kept until somebody deletes it
    expires_at {double},
    ended_at {double},                      -- deleted, or its time to live has passed: no result is reused with it any more
    is_released INTEGER NOT NULL DEFAULT 0  -- since then: its row does not hold its bytes any more
);
CREATE INDEX artifact_note_expires ON artifact_note (expires_at);
CREATE INDEX artifact_note_ended ON artifact_note (ended_at);
CREATE TABLE artifact_label (
    artifact_id {bigint} NOT NULL,
    kind TEXT NOT NULL,                     -- alias | tag
    label TEXT NOT NULL,
    sequence TEXT NOT NULL,                 -- JSON [pipeline, task, output]: an alias is at one artifact of a sequence
    at {double} NOT NULL,
    PRIMARY KEY (artifact_id, kind, label)
);
CREATE INDEX artifact_label_sequence ON artifact_label (sequence, kind, label);
CREATE INDEX artifact_label_label ON artifact_label (kind, label);
CREATE TABLE artifact_change (
    change_id {serial},
    artifact_id {bigint} NOT NULL,
    at {double} NOT NULL,
    user_name TEXT NOT NULL DEFAULT '',     -- empty: the server itself
    kind TEXT NOT NULL,                     -- alias | tag | description | ttl | delete | restore
    subject TEXT NOT NULL DEFAULT '',
    old_value TEXT,
    new_value TEXT
);
CREATE INDEX artifact_change_artifact ON artifact_change (artifact_id, change_id);
