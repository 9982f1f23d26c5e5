-- What lineage needs beyond the edges that the worlds record themselves: contents of small artifact versions, and look-ups by content.

CREATE TABLE version_content (              -- derived from manifests of at most 256 entries; may be emptied at any time
    version_id {bigint} NOT NULL,
    blob_digest TEXT NOT NULL,              -- empty: the manifest was read (every read version has this row)
    is_whole INTEGER NOT NULL DEFAULT 0,    -- the version is this one file and nothing else
    PRIMARY KEY (version_id, blob_digest)
);
CREATE INDEX version_content_blob ON version_content (blob_digest, is_whole);
CREATE INDEX artifact_version_manifest ON artifact_version (digest, state);
CREATE INDEX flow_artifact_first ON flow_artifact (sha, run_number, task_number);
