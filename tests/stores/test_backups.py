"""Backups of a data folder: whole, cheap the second time, and honest about what a restore would miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.domain.errors import NotFoundError, PreconditionError
from penstock.stores.backups import FolderBackups
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.sql.database import Database, open_database
from tests.support.tracking import HandClock


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a content, a log and a link."""
    folder = tmp_path / "data"
    (folder / "runs" / "r1").mkdir(parents=True)
    (folder / "runs" / "r1" / "log").write_text("one\n")
    (folder / "runs" / "r1" / "newest").symlink_to("log")
    (folder / "envs" / "large").mkdir(parents=True)
    (folder / "secret").write_text("s")
    (folder / "secret").chmod(0o600)
    return folder


def note_content(database: Database, data: Path) -> Path:
    """Store a content that an artifact refers to; return its file."""
    blob = LocalBlobStore(data / "blobs").put_bytes(b"content")
    sql = (
        "INSERT INTO artifact (artifact_id, run_id, task_id, name, output_key, type, uri, digest, size_bytes, created_at)"
        " VALUES (1, 'r1', 't1', 'a', 'a', 'system.Artifact', 'minio://a', ?, 7, 1.0)"
    )
    database.write_sync(lambda tx: tx.execute(sql, (blob.digest,)))
    return next((data / "blobs" / "files").rglob(str(blob.digest).removeprefix("sha256:")))


def test_a_backup_is_whole_and_the_next_one_shares_what_has_not_changed(data: Path, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{data / 'penstock.db'}", synchronous="OFF")
    content = note_content(database, data)
    clock = HandClock(1_000_000.0)
    backups = FolderBackups(data, tmp_path / "kept", has_database=True, version="1", now=clock.now)
    first = backups.make()
    copy = Path(first.path)
    assert first.name == "1970-01-12T13-46-40Z"
    assert not (copy / "envs").exists()
    assert ((copy / "secret").read_text(), (copy / "secret").stat().st_mode & 0o777) == ("s", 0o600)
    assert (copy / "runs" / "r1" / "newest").readlink() == Path("log")
    assert (copy / content.relative_to(data)).stat().st_ino == content.stat().st_ino

    with (data / "runs" / "r1" / "log").open("a") as log:
        log.write("two\n")
    clock.time += 60
    second = backups.make()
    assert (copy / "runs" / "r1" / "log").read_text() == "one\n"
    assert (Path(second.path) / "runs" / "r1" / "log").read_text() == "one\ntwo\n"
    assert (Path(second.path) / "secret").stat().st_ino == (copy / "secret").stat().st_ino
    assert second.copied_bytes == (Path(second.path) / "penstock.db").stat().st_size + len("one\ntwo\n")
    assert [one.name for one in backups.list()] == [second.name, first.name]
    assert backups.remove_old(keep=1) == [first.name]
    assert [one.name for one in backups.list()] == [second.name]
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [second.name]
    database.close()


def test_a_trial_names_what_a_restore_would_miss(data: Path, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{data / 'penstock.db'}", synchronous="OFF")
    content = note_content(database, data)
    backups = FolderBackups(data, tmp_path / "kept", has_database=True, version="1")
    made = backups.make()
    checked = backups.check(made.name)
    assert (checked.problems, checked.runs) == ([], 0)
    assert backups.list()[0].checked_at == checked.checked_at
    (Path(made.path) / content.relative_to(data)).unlink()
    assert backups.check(made.name).problems == [f"content sha256:{content.name} is missing"]
    (Path(made.path) / "penstock.db").write_bytes(b"SQLite format 3\0" + bytes(4096))
    assert "database" in backups.check(made.name).problems[0]
    for name in ("2000-01-01T00-00-00Z", "../data"):
        with pytest.raises(NotFoundError):
            backups.check(name)
    database.close()


def test_a_database_elsewhere_is_not_left_out_silently(data: Path, tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="pg_dump"):
        FolderBackups(data, tmp_path / "kept", has_database=False, version="1").make()
