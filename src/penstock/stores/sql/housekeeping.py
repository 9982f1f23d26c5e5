"""`LiveBlobs` and `EndedRuns` on SQL (`interfaces.housekeeping`)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from penstock.domain.ids import Digest, RunId
from penstock.stores.sql.database import Database, Transaction

REFERENCES = (
    ("artifact", "digest"),
    ("tracked_file", "digest"),
    ("project_content", "blob_digest"),
    ("version_manifest", "blob_digest"),
    ("artifact_version", "manifest_digest"),
    ("upload_part", "blob_digest"),
    ("object_entry", "digest"),
    ("object_part", "digest"),
)
"""Every column that holds the digest of a blob; tests/stores/test_housekeeping.py compares it with the schema."""

KEPT = "NOT EXISTS (SELECT 1 FROM artifact_note n WHERE n.artifact_id = artifact.artifact_id AND n.is_released = 1)"
"""Of a row of `artifact`: it holds its bytes."""
_REUSABLE = (
    "NOT EXISTS (SELECT 1 FROM artifact_note n JOIN artifact a ON a.artifact_id = n.artifact_id"
    " WHERE n.is_released = 1 AND a.task_id = cache_entry.task_id)"
)
"""Of a row of `cache_entry`: everything that its task put out is still held."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHUNK = 400


class SqlLiveBlobs:
    """References in one snapshot of the database. Cost: one pass over the tables, memory for each distinct digest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def live(self) -> Collection[Digest]:
        """See `interfaces.housekeeping.LiveBlobs`."""
        return self._database.read_sync(_live)


class SqlEndedRuns:
    """Ends of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ended_before(self, run_ids: Sequence[RunId], at: float) -> Sequence[RunId]:
        """See `interfaces.housekeeping.EndedRuns`."""
        return self._database.read_sync(lambda tx: _ended_before(tx, run_ids, at))


def _live(tx: Transaction) -> set[Digest]:
    found: set[Digest] = set()
    for table, column in REFERENCES:
        # Only names from the list above are interpolated.
        kept = f" AND {KEPT}" if table == "artifact" else ""
        rows = tx.all(f"SELECT DISTINCT {column} AS digest FROM {table} WHERE {column} IS NOT NULL AND {column} <> ''{kept}")
        found.update(Digest(row["digest"]) for row in rows)
    return found | digests_of_cache(tx)


def digests_of_cache(tx: Transaction, *, without: Collection[str] = ()) -> set[Digest]:
    """Return the digests that results kept for reuse name; those of the runs in `without` are left out."""
    found: set[Digest] = set()
    for row in tx.all("SELECT run_id, outputs FROM cache_entry WHERE outputs LIKE '%sha256:%' AND " + _REUSABLE):
        if row["run_id"] not in without:
            found.update(Digest(text) for text in _DIGEST.findall(row["outputs"]))
    return found


def _ended_before(tx: Transaction, run_ids: Sequence[RunId], at: float) -> list[RunId]:
    found: list[RunId] = []
    for start in range(0, len(run_ids), _CHUNK):
        chunk = run_ids[start : start + _CHUNK]
        marks = ", ".join("?" for _ in chunk)
        rows = tx.all(f"SELECT run_id FROM run WHERE finished_at IS NOT NULL AND finished_at < ? AND run_id IN ({marks})", (at, *chunk))
        found.extend(RunId(row["run_id"]) for row in rows)
    return found
