-- Things that readers of the pages deleted: hidden, restorable until due_at. How each kind hides: stores/sql/trash.py.
CREATE TABLE trash_item (
    item_id {serial},
    kind TEXT NOT NULL,                     -- run | tracked_run | version | collection
    subject TEXT NOT NULL,                  -- its id
    title TEXT NOT NULL,
    place TEXT NOT NULL DEFAULT '',
    entity TEXT NOT NULL DEFAULT '',
    size_bytes {bigint},
    batch TEXT NOT NULL,                    -- common to what was deleted together
    detail TEXT NOT NULL DEFAULT '{}',      -- what restoring needs to know
    user_name TEXT NOT NULL DEFAULT '',
    trashed_at {double} NOT NULL,
    due_at {double} NOT NULL,
    UNIQUE (kind, subject)
);
CREATE INDEX trash_item_due ON trash_item (due_at);
CREATE INDEX trash_item_batch ON trash_item (batch);
