"""Bytes of deleted versions on SQLite and PostgreSQL: forgotten when nobody needs them, kept whenever somebody may."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from pathlib import Path

import pytest

from penstock.domain.reports import Report
from penstock.domain.tracking import TrackedProjectId
from penstock.domain.trash import TrashKind
from penstock.domain.versions import ArtifactVersion, NewVersion, StoredContent
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.sql.collections import SqlCollectionStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.orphans import SqlOrphanStore
from penstock.stores.sql.reports import SqlReportStore
from penstock.stores.sql.tracking_projects import SqlProjectStore
from penstock.stores.sql.trash import SqlTrashStore
from penstock.stores.sql.versions import SqlVersionStore
from penstock.tracking.unused_content import UnusedContent

HERE, THERE = 7, 8
LONG_AGO, NOW = 10.0, 1000.0


class Store:
    """Versions of two projects whose files are texts."""

    def __init__(self, database: Database, blobs: LocalBlobStore) -> None:
        self.database = database
        self.blobs = blobs
        self.versions = SqlVersionStore(database)
        self.unused = UnusedContent(SqlOrphanStore(database), blobs)

    def add(self, name: str, *texts: str, project: int = HERE, is_new: bool = True) -> ArtifactVersion:
        """Commit a version of these files; with `is_new` the project did not have their bytes."""
        made = self.versions.create_version(NewVersion(project, "dataset", name, name, 1.0, "ann"))
        contents = {}
        for text in texts:
            md5 = hashlib.md5(text.encode(), usedforsecurity=False).digest()
            contents[text] = {"digest": base64.b64encode(md5).decode(), "size": len(text)}
            if is_new:
                blob = self.blobs.put_bytes(text.encode()).digest
                self.versions.add_content(project, [StoredContent(md5.hex(), blob, len(text), made.version_id)])
        contents["elsewhere"] = {"digest": "etag", "ref": "s3://bucket/key", "size": 1}
        manifest = self.blobs.put_bytes(json.dumps({"version": 1, "contents": contents}).encode()).digest
        return self.versions.commit_version(made.version_id, digest=name, size_bytes=1, file_count=1, manifest=manifest, at=2.0)

    def delete(self, version: ArtifactVersion, at: float = LONG_AGO) -> None:
        """As a client does."""
        self.versions.delete_version(version.version_id, with_aliases=True, at=at)

    def known(self, project: int = HERE) -> set[str]:
        """Texts whose bytes the project knows."""
        sql = "SELECT blob_digest FROM project_content WHERE project_id = ?"
        rows = self.database.read_sync(lambda tx: tx.all(sql, (project,)))
        return {b"".join(self.blobs.read(row["blob_digest"])).decode() for row in rows}


@pytest.fixture
def store(database: Database, tmp_path: Path) -> Store:
    for project in (HERE, THERE):
        sql = "INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (?, 'ann', ?, 1.0, 1.0)"
        database.write_sync(lambda tx, sql=sql, project=project: tx.execute(sql, (project, f"p{project}")))  # type: ignore[misc]
    return Store(database, LocalBlobStore(tmp_path / "blobs"))


def test_what_a_living_version_shares_stays_and_gets_that_version_as_its_first(store: Store) -> None:
    gone = store.add("gone", "shared", "alone")
    heir = store.add("heir", "shared", is_new=False)
    store.delete(gone)
    assert store.unused.release(before=NOW) == 1
    assert store.known() == {"shared"}
    (content,) = store.versions.content(HERE, [hashlib.md5(b"shared", usedforsecurity=False).hexdigest()]).values()
    assert content.birth_version_id == heir.version_id
    store.delete(heir)
    assert store.unused.release(before=NOW) == 1
    assert store.known() == set()
    assert store.unused.release(before=NOW) == 0


def test_what_was_deleted_lately_stays(store: Store) -> None:
    store.delete(store.add("gone", "a"), at=NOW - 1)
    assert store.unused.release(before=NOW - 2) == 0
    assert store.unused.release(before=NOW) == 1


def test_what_another_project_s_version_names_stays(store: Store) -> None:
    gone = store.add("gone", "shared", "alone")
    store.add("user", "shared", project=THERE, is_new=False)
    store.delete(gone)
    assert store.unused.release(before=NOW) == 1
    assert store.known() == {"shared"}


def test_manifests_are_read_again_only_when_the_answer_may_differ(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = store.add("gone", "shared")
    user = store.add("user", "shared", project=THERE, is_new=False)
    store.delete(gone)
    assert store.unused.release(before=NOW) == 0
    with monkeypatch.context() as patched:
        patched.setattr(store.blobs, "read", lambda *_, **__: pytest.fail("a manifest was read"))
        assert store.unused.release(before=NOW) == 0
    store.delete(user)
    assert store.unused.release(before=NOW) == 1
    assert store.known() == set()


def test_a_deleted_project_takes_its_versions_links_sweeps_and_reports_along(store: Store) -> None:
    version = store.add("ds", "alone", "shared")
    store.add("user", "shared", project=THERE, is_new=False)
    collections = SqlCollectionStore(store.database)
    portfolio = collections.ensure_portfolio(THERE, "portfolio", "dataset", at=2.0)
    collections.link(portfolio.collection_id, version.version_id, ["prod"], at=2.0)
    sweep = "INSERT INTO sweep (project_id, name, config, method, state, created_at, updated_at) VALUES (?, 's', '', 'grid', 'RUNNING', 1.0, 1.0)"
    store.database.write_sync(lambda tx: tx.execute(sweep, (HERE,)))
    SqlReportStore(store.database).add_report(Report(0, HERE, "runs", "r", "r", "", "{}", "ann", False, 1.0, 1.0))
    projects = SqlProjectStore(store.database)
    for _ in range(2):
        asyncio.run(projects.delete(TrackedProjectId(HERE), at=LONG_AGO))
    tables = ("tracked_project", "artifact_version", "collection", "sweep", "report")
    left = store.database.read_sync(lambda tx: {name: [row["project_id"] for row in tx.all(f"SELECT project_id FROM {name}")] for name in tables})
    assert left == {"tracked_project": [THERE], "artifact_version": [THERE], "collection": [THERE, THERE], "sweep": [], "report": []}
    assert store.database.read_sync(lambda tx: tx.all("SELECT 1 FROM membership WHERE version_id = ?", (version.version_id,))) == []
    assert store.unused.release(before=NOW) == 1
    assert store.known() == {"shared"}


def test_nothing_goes_while_a_version_is_on_its_way_in_or_a_manifest_cannot_be_read(store: Store) -> None:
    gone, other = store.add("gone", "a"), store.add("other", "b")
    store.delete(gone)
    pending = store.versions.create_version(NewVersion(HERE, "dataset", "new", "new", NOW, "ann"))
    assert store.unused.release(before=NOW - 1) == 0
    store.delete(pending)
    path = store.blobs.path_of(other.manifest_digest) if other.manifest_digest else None
    assert path is not None
    content = path.read_bytes()
    path.unlink()
    assert store.unused.release(before=NOW - 1) == 0
    store.blobs.put_bytes(content)
    assert store.unused.release(before=NOW - 1) == 1
    assert store.known() == {"b"}


def test_nothing_goes_when_versions_changed_meanwhile(store: Store) -> None:
    store.delete(store.add("gone", "a"))
    orphans = SqlOrphanStore(store.database)
    seen = orphans.orphans(before=NOW, limit=10)
    again = store.add("again", "a", is_new=False)
    assert orphans.settle(seen, unused=seen.contents, heirs={}) == 0
    assert store.unused.release(before=NOW) == 0
    assert store.known() == {"a"}
    assert again.manifest_digest is not None


def test_what_lies_in_the_trash_keeps_its_bytes(store: Store) -> None:
    trash, version = SqlTrashStore(store.database), store.add("ds", "a")
    item = asyncio.run(trash.put(TrashKind.VERSION, str(version.version_id), batch="b", by="ann", at=LONG_AGO, due_at=NOW))
    assert store.unused.release(before=NOW) == 0
    asyncio.run(trash.restore(item.item_id, by="ann", at=LONG_AGO))
    other = store.add("other", "b")
    asyncio.run(trash.put(TrashKind.COLLECTION, str(other.collection_id), batch="c", by="ann", at=LONG_AGO, due_at=NOW))
    assert store.unused.release(before=NOW) == 0
    assert store.known() == {"a", "b"}
