-- Aliases that not everybody may move: in all collections of a project or registry.
CREATE TABLE protected_alias (
    project_id {bigint} NOT NULL, alias TEXT NOT NULL,
    user_name TEXT NOT NULL,                -- who protected it; may change it, as may administrators of the registry
    at {double} NOT NULL,
    PRIMARY KEY (project_id, alias)
);
