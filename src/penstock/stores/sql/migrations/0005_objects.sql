-- Objects of the embedded S3-compatible endpoint: names for blobs.

CREATE TABLE object_entry (
    bucket TEXT NOT NULL, object_key TEXT NOT NULL, digest TEXT NOT NULL, size_bytes {bigint} NOT NULL, etag TEXT NOT NULL,
    content_type TEXT NOT NULL DEFAULT 'binary/octet-stream', headers TEXT NOT NULL DEFAULT '{}', modified_at {double} NOT NULL,
    PRIMARY KEY (bucket, object_key)
);
CREATE INDEX object_entry_digest ON object_entry (digest);

CREATE TABLE object_upload (
    upload_id TEXT PRIMARY KEY, bucket TEXT NOT NULL, object_key TEXT NOT NULL,
    content_type TEXT NOT NULL, headers TEXT NOT NULL DEFAULT '{}', created_at {double} NOT NULL
);

CREATE TABLE object_part (
    upload_id TEXT NOT NULL, part_number INTEGER NOT NULL, digest TEXT NOT NULL, size_bytes {bigint} NOT NULL, etag TEXT NOT NULL,
    PRIMARY KEY (upload_id, part_number)
);
