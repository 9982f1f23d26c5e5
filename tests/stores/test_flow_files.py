"""Many folders of datastores are listed at once, on both databases, and what cannot be read from here is empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.domain.objects import ObjectEntry
from penstock.interfaces.flow_files import DatastoreRoot
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.flow_files import ReachableFlowFiles
from penstock.stores.sql.database import Database
from penstock.stores.sql.objects import SqlObjectStore


@pytest.fixture
def files(database: Database, tmp_path: Path) -> ReachableFlowFiles:
    """A bucket with files of two runs, one of them below a name that begins as another's does."""
    objects, blobs = SqlObjectStore(database), LocalBlobStore(tmp_path / "blobs")
    digest = blobs.put_bytes(b"card").digest
    for key in ("mf/F/1/a.html", "mf/F/1/b\u00e9.html", "mf/F/10/c.html", "mf/F/2/d/e.html"):
        objects.put(ObjectEntry("metaflow", key, digest, 4, "", 1.0))
    return ReachableFlowFiles(objects, blobs, allowed=[tmp_path / "local"], trusts_local=False)


def test_many_folders_are_listed_in_one_query(files: ReachableFlowFiles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "local" / "F" / "1").mkdir(parents=True)
    (tmp_path / "local" / "F" / "1" / "x.html").write_text("x")
    stored, local, away = DatastoreRoot("s3", "s3://metaflow/mf"), DatastoreRoot("local", str(tmp_path / "local")), DatastoreRoot("local", "/etc")
    reads: list[object] = []
    real = Database.read_sync
    monkeypatch.setattr(Database, "read_sync", lambda self, work: reads.append(work) or real(self, work))
    wanted = [(stored, "F/1/"), (away, "F/1/"), (stored, "F/3/"), (stored, "F/2/"), (local, "F/1/"), (stored, "F/1/")]
    found = files.list_all(wanted)
    assert [[file.name for file in listed] for listed in found] == [["a.html", "b\u00e9.html"], [], [], ["d/e.html"], ["x.html"], ["a.html", "b\u00e9.html"]]
    assert len(reads) == 1
    assert found[0] == files.list(stored, "F/1/")
