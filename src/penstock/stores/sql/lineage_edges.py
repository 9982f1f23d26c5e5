"""The SQL of lineage edges: one constant per sort, each a table of (source key, target key, label) for a set of ids.

`{in_...}` stands for the condition that restricts it to the nodes asked for. Keys are built in SQL so that data with known bytes always
appears under its content.
"""

from __future__ import annotations

ARTIFACT_KEY = "CASE WHEN a.digest IS NULL OR a.digest = '' THEN 'artifact:' || CAST(a.artifact_id AS TEXT) ELSE 'digest:' || a.digest END"
VERSION_KEY = (
    "CASE WHEN w.blob_digest IS NOT NULL THEN 'digest:' || w.blob_digest"
    " WHEN v.file_count > 0 THEN 'manifest:' || v.digest ELSE 'version:' || CAST(v.version_id AS TEXT) END"
)
VERSION_FROM = "artifact_version v LEFT JOIN version_content w ON w.version_id = v.version_id AND w.is_whole = 1"
RUN_KEY = "CASE WHEN r.task_id IS NULL THEN 'trackedrun:' || CAST(r.run_id AS TEXT) ELSE 'task:' || r.task_id END"
LISTED_FILES = 256
"""Versions with more entries are not listed in `version_content`."""
SMALLEST_SHARED = 200
"""Stored bytes of a flow's value from which on equal content counts as the same thing across runs; `None` and small numbers do not."""
FLOW_RUN = "q.flow_id || '/' || COALESCE(q.run_id, CAST(q.run_number AS TEXT))"
FLOW_TASK = f"{FLOW_RUN} || '/' || t.step_name || '/' || COALESCE(t.task_name, CAST(t.task_number AS TEXT))"
FLOW_KEY = "CASE WHEN o.digest IS NULL THEN 'flowdata:' || CAST(f.run_number AS TEXT) || '/' || f.sha ELSE 'digest:' || o.digest END"

TASK_USES = f"""
SELECT u.task_id AS execution, {ARTIFACT_KEY} AS data, u.key AS label
FROM artifact_use u JOIN artifact a ON a.artifact_id = u.artifact_id JOIN task t ON t.task_id = u.task_id
WHERE u.direction = :direction AND t.type IN ('RUNTIME', 'IMPORTER') AND {{asked}} ORDER BY u.at DESC LIMIT :limit
"""

VERSION_USES = f"""
SELECT {RUN_KEY} AS execution, {VERSION_KEY} AS data, COALESCE(x.used_as, '') AS label
FROM {VERSION_FROM} JOIN version_use x ON x.version_id = v.version_id JOIN tracked_run r ON r.run_id = x.tracked_run_id
WHERE x.direction = :direction AND v.state = 'COMMITTED' AND {{asked}} ORDER BY x.created_at DESC LIMIT :limit
"""

FLOW_USES = f"""
SELECT 'task:' || {FLOW_TASK} AS execution, {FLOW_KEY} AS data, f.name AS label
FROM flow_artifact f JOIN flow_task t ON t.task_number = f.task_number JOIN flow_run q ON q.run_number = f.run_number
LEFT JOIN object_entry o ON o.bucket = {{bucket}} AND o.object_key = {{object}} AND o.size_bytes >= {SMALLEST_SHARED}
WHERE t.step_name <> '_parameters' AND substr(f.name, 1, 1) <> '_' AND f.sha IS NOT NULL AND {{first}} AND {{asked}}
ORDER BY f.ts_epoch DESC LIMIT :limit
"""

OBJECT_READS = f"""
SELECT DISTINCT x.task_id AS execution, 'digest:' || x.digest AS data, COALESCE(f.name, '') AS label
FROM object_read x JOIN object_entry o ON o.bucket = x.bucket AND o.object_key = x.object_key
LEFT JOIN flow_artifact f ON f.sha = substr(x.object_key, length(x.object_key) - 39) AND substr(f.name, 1, 1) <> '_'
WHERE o.size_bytes >= {SMALLEST_SHARED} AND o.object_key LIKE '%/data/__/________________________________________' AND {{asked}}
AND (f.name IS NULL OR f.task_number = (SELECT MIN(p.task_number) FROM flow_artifact p WHERE p.sha = f.sha)) LIMIT :limit
"""
"""Values of flows in the embedded store that tasks of pipelines read with keys of their own."""

LINKS = f"""
SELECT {VERSION_KEY} AS source, 'collection:' || CAST(c.collection_id AS TEXT) AS target, c.name AS label
FROM {VERSION_FROM} JOIN membership m ON m.version_id = v.version_id
JOIN collection c ON c.collection_id = m.collection_id AND c.kind = 'portfolio'
WHERE v.state = 'COMMITTED' AND {{asked}} ORDER BY m.created_at DESC LIMIT :limit
"""

CONTENTS = f"""
SELECT {VERSION_KEY} AS version, 'digest:' || k.blob_digest AS part, v.committed_at AS version_at,
       (SELECT MIN(a.created_at) FROM artifact a WHERE a.digest = k.blob_digest) AS part_at
FROM version_content k JOIN artifact_version v ON v.version_id = k.version_id
LEFT JOIN version_content w ON w.version_id = v.version_id AND w.is_whole = 1
WHERE v.state = 'COMMITTED' AND w.version_id IS NULL AND k.blob_digest IN (SELECT e.digest FROM artifact e) AND {{asked}} LIMIT :limit
"""
"""Parts of versions of several files, where a part is a pipeline artifact too."""

BIRTHS = CONTENTS.replace("FROM version_content k JOIN artifact_version v ON v.version_id = k.version_id", f"""
FROM project_content k JOIN artifact_version v ON v.version_id = k.birth_version_id AND v.file_count > {LISTED_FILES}""")
"""The same for versions with too many entries to be listed: the parts that they brought into their project."""


def flow_object(dialect: str) -> tuple[str, str]:
    """Return SQL for bucket and key of a flow value's object; NULL when its root is no S3 address.

    A location is `:root:s3://<bucket>/<prefix>`; below it lies `<flow>/data/<first two of the sha>/<sha>`.
    """
    tail = "substr(f.location, {find}(f.location, 's3://') + 5)" if dialect == "sqlite" else "substr(f.location, {find} + 5)"
    tail = tail.format(find="instr" if dialect == "sqlite" else "strpos(f.location, 's3://')")
    slash = f"instr({tail} || '/', '/')" if dialect == "sqlite" else f"strpos({tail} || '/', '/')"
    bucket = f"CASE WHEN f.location LIKE '%s3://%' THEN substr({tail}, 1, {slash} - 1) END"
    prefix = f"rtrim(substr({tail}, {slash} + 1), '/')"
    path = "q.flow_id || '/data/' || substr(f.sha, 1, 2) || '/' || f.sha"
    return bucket, f"ltrim({prefix} || '/' || {path}, '/')"
