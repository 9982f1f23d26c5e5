-- Which task read which object with the keys that it was given: what a pipeline took of a flow.
CREATE TABLE object_read (
    task_id TEXT NOT NULL, bucket TEXT NOT NULL, object_key TEXT NOT NULL, digest TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (task_id, bucket, object_key)
);
CREATE INDEX object_read_digest ON object_read (digest);
