"""Bytes that lost their last reference go; everything any record refers to stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.background.blob_collector import BlobCollector, Retention
from penstock.domain.ids import RunId
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.run_folders import RunFolders
from penstock.stores.sql.database import Database, open_database
from penstock.stores.sql.housekeeping import REFERENCES, SqlEndedRuns, SqlLiveBlobs

_NOT_BLOBS = {
    ("spec", "digest"), ("api_key", "digest"), ("account_invite", "digest"), ("artifact_version", "digest"),
    ("version_content", "blob_digest"), ("object_read", "digest"), ("task", "code_digest"),
}  # fmt: skip
"""Digests of other things, a table derived from manifests, and a note of what was read."""
_OLD = 1_000_000.0
_NOW = 10 * 86400.0


class _Nothing:
    def delete_expired(self, *, limit: int = 100) -> int:
        return 0

    def release(self, *, before: float) -> int:
        return 0


class _Clock:
    def now(self) -> float:
        return _NOW


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'p.db'}")
    yield database
    database.close()


def test_every_column_with_digests_is_known(database: Database) -> None:
    """A new table that refers to blobs must not be forgotten: its bytes would be lost."""
    tables = [row["name"] for row in database.read_sync(lambda tx: tx.all("SELECT name FROM sqlite_master WHERE type = 'table'"))]
    found = {
        (table, row["name"])
        for table in tables
        for row in database.read_sync(lambda tx, table=table: tx.all(f"PRAGMA table_info({table})"))  # type: ignore[misc]
        if row["name"].endswith("digest") and row["name"] != "spec_digest"
    }
    assert found - _NOT_BLOBS == set(REFERENCES)


def test_only_unreferenced_old_bytes_go(database: Database, tmp_path: Path) -> None:
    """Referred to by an artifact, by a cached result only, young, and none of these."""
    blobs = LocalBlobStore(tmp_path / "blobs")
    artifact, cached, garbage, young = (blobs.put_bytes(text).digest for text in (b"artifact", b"cached", b"garbage", b"young"))
    for digest in (artifact, cached, garbage):
        path = blobs.path_of(digest)
        assert path is not None
        os.utime(path, (_OLD, _OLD))
    database.write_sync(
        lambda tx: tx.execute(
            "INSERT INTO artifact (artifact_id, run_id, task_id, name, output_key, type, type_version, uri, digest, metadata, created_at)"
            " VALUES (1, 'r', 't', 'a', 'a', 'system.Artifact', '0.0.1', 'minio://a', ?, '{}', 0)",
            (artifact,),
        )
    )
    database.write_sync(
        lambda tx: tx.execute(
            "INSERT INTO cache_entry (fingerprint, task_id, run_id, scope, component, parts, outputs, created_at)"
            " VALUES ('f', 't', 'r', 's', 'c', '{}', ?, 0)",
            (f'{{"artifacts": {{"a": [{{"digest": "{cached}"}}]}}}}',),
        )
    )
    assert _collector(blobs, database, tmp_path, Retention()).collect() == len(b"garbage")
    assert [blobs.has(digest) for digest in (artifact, cached, garbage, young)] == [True, True, False, True]


def test_folders_of_runs_that_ended_long_ago_go_when_asked(database: Database, tmp_path: Path) -> None:
    """Only ended runs lose their folder, only after the time set, and by default none does."""
    for name, ended in (("old", _NOW - 3 * 86400), ("new", _NOW - 86400), ("open", None)):
        (tmp_path / "runs" / name / "task" / "1").mkdir(parents=True)
        database.write_sync(
            lambda tx, name=name, ended=ended: tx.execute(  # type: ignore[misc]
                "INSERT INTO run (run_id, kind, name, experiment_id, resource_name, pipeline_name, state, created_at, scheduled_at,"
                " finished_at) VALUES (?, 'kfp', 'n', 'e', 'n', 'p', 'RUNNING', 0, 0, ?)",
                (name, ended),
            )
        )
    blobs, folders = LocalBlobStore(tmp_path / "blobs"), RunFolders(tmp_path / "runs")
    _collector(blobs, database, tmp_path, Retention()).collect()
    assert sorted(folders.run_ids()) == ["new", "old", "open"]
    _collector(blobs, database, tmp_path, Retention(run_folder_days=2)).collect()
    assert sorted(folders.run_ids()) == [RunId("new"), RunId("open")]


def _collector(blobs: LocalBlobStore, database: Database, folder: Path, retention: Retention) -> BlobCollector:
    folders = RunFolders(folder / "runs")
    return BlobCollector(blobs, SqlLiveBlobs(database), [_Nothing()], _Nothing(), folders, SqlEndedRuns(database), _Clock(), retention)
