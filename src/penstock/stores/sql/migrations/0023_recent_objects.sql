-- What each user opened or made last: the start page's "my recent objects". Titles are read from the objects themselves.
CREATE TABLE recent_object (
    user_name TEXT NOT NULL,
    kind TEXT NOT NULL,                     -- run, pipeline, ...: kinds of `interfaces.recent_objects`
    object_id TEXT NOT NULL,
    is_made INTEGER NOT NULL DEFAULT 0,     -- the user made it, by a client or on a page
    at {double} NOT NULL,                   -- when it was last opened or made
    PRIMARY KEY (user_name, kind, object_id)
);
CREATE INDEX recent_object_at ON recent_object (user_name, at);
