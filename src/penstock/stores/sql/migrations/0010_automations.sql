CREATE TABLE automation (
    automation_id {serial},
    entity TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    is_enabled INTEGER NOT NULL DEFAULT 1,
    scope TEXT NOT NULL,                    -- PROJECT | ARTIFACT_COLLECTION | ENTITY
    scope_id {bigint} NOT NULL,             -- project_id, collection_id or entity_id
    project_id {bigint},                    -- of the scope; none for an entity
    event_type TEXT NOT NULL,
    event_filter TEXT NOT NULL,             -- JSON as sent
    action_type TEXT NOT NULL,
    action TEXT NOT NULL,                   -- JSON
    user_name TEXT NOT NULL,
    created_at {double} NOT NULL,
    updated_at {double} NOT NULL,
    UNIQUE (entity, name)
);
CREATE INDEX automation_event_type ON automation (event_type, is_enabled);
CREATE INDEX automation_project ON automation (project_id);

CREATE TABLE webhook_integration (
    integration_id {serial},
    entity TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    access_token_ref TEXT NOT NULL DEFAULT '',
    secret_ref TEXT NOT NULL DEFAULT '',
    created_at {double} NOT NULL,
    UNIQUE (entity, name)
);

-- What happened and has not been looked at yet; rows come from triggers, and only while an automation waits for their kind.
CREATE TABLE automation_event (
    event_id {serial},
    event_type TEXT NOT NULL,
    run_id {bigint},
    version_id {bigint},
    collection_id {bigint},
    word TEXT NOT NULL DEFAULT ''           -- alias, tag or state
);

CREATE TABLE automation_delivery (
    delivery_id {serial},
    automation_id {bigint} NOT NULL,
    occasion TEXT NOT NULL,                 -- the same one is delivered once
    subject TEXT NOT NULL,                  -- what it is about, for people
    words TEXT NOT NULL,                    -- JSON: values of template variables
    state TEXT NOT NULL,                    -- pending | done | failed | refused
    attempts INTEGER NOT NULL DEFAULT 0,
    detail TEXT NOT NULL DEFAULT '',
    created_at {double} NOT NULL,
    due_at {double} NOT NULL,
    ended_at {double},
    UNIQUE (automation_id, occasion)
);
CREATE INDEX automation_delivery_due ON automation_delivery (state, due_at);
CREATE INDEX automation_delivery_newest ON automation_delivery (automation_id, delivery_id);
