-- Who changed what on artifact versions and collections: aliases, tags, texts, time to live, links. Written in the transaction of the change.
CREATE TABLE version_change (
    change_id {serial},
    collection_id {bigint} NOT NULL,        -- where the change was made: a version's own sequence, or the collection that links it
    version_id {bigint},                    -- NULL: the collection itself changed
    at {double} NOT NULL,
    user_name TEXT NOT NULL DEFAULT '',     -- empty: the server itself
    kind TEXT NOT NULL,                     -- created | alias | tag | description | metadata | ttl | link | unlink | delete | ...
    subject TEXT NOT NULL DEFAULT '',       -- which alias or tag
    old_value TEXT,
    new_value TEXT
);
CREATE INDEX version_change_collection ON version_change (collection_id, change_id);
CREATE INDEX version_change_version ON version_change (version_id, change_id);
