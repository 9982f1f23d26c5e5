"""What is old and unnamed, and the bytes that only it holds: the same answers from SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.ids import Digest
from penstock.domain.retention import RetentionRule
from penstock.domain.trash import TrashKind
from penstock.domain.versions import ArtifactVersion, NewVersion
from penstock.server.clock import SystemIds
from penstock.stores.sql.database import Database
from penstock.stores.sql.retention import SqlRetentionStore
from penstock.stores.sql.trash import SqlTrashStore
from penstock.stores.sql.versions import SqlVersionStore
from penstock.trash.retention import ContentReaders, RetentionService
from penstock.trash.service import TrashService
from tests.support.tracking import HandClock

DAY = 86_400.0
NOW = 100 * DAY


def sha(name: str) -> Digest:
    """A digest that tests can name."""
    return Digest("sha256:" + name.encode().hex().ljust(64, "0"))


class World:
    """Rows of a database, and contents that exist only as lists."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.trees: dict[Digest, list[tuple[Digest, int]]] = {}
        self.manifests: dict[Digest, list[str]] = {}
        self.store = SqlRetentionStore(database)
        clock = HandClock(NOW)

        async def nothing(subject: str) -> None:
            """Nothing hangs on these rows."""

        self.trash = TrashService(
            SqlTrashStore(database), before={}, removers=dict.fromkeys(TrashKind, nothing), keep_seconds=DAY, clock=clock, ids=SystemIds()
        )
        readers = ContentReaders(lambda digest: self.trees[digest], lambda digest: iter(self.manifests[digest]), lambda run: 1000)
        self.retention = RetentionService(self.store, self.trash, readers, clock, RetentionRule(days=0))
        self._next = 0

    def insert(self, table: str, **row: Any) -> None:
        """Insert a row."""
        values = ", ".join(f":{name}" for name in row)
        self.database.write_sync(lambda tx: tx.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})", row))

    def run(self, name: str, days: float, *, pipeline: str = "p", state: str = "SUCCEEDED", kind: str = "kfp") -> str:
        """A run that ended so many days ago."""
        at = NOW - days * DAY
        self.insert(
            "run", run_id=name, kind=kind, name=name, pipeline_name=pipeline, state=state, created_at=at - 1, scheduled_at=at - 1,
            finished_at=at if state in {"SUCCEEDED", "FAILED"} else None,
        )  # fmt: skip
        return name

    def artifact(self, run: str, content: str, size: int, *, is_directory: bool = False) -> int:
        """An output of a run."""
        self._next += 1
        self.insert(
            "artifact", artifact_id=self._next, run_id=run, task_id=run, name="a", type="system.Dataset", uri="u", digest=sha(content),
            size_bytes=size, created_at=1.0, is_directory=int(is_directory),
        )  # fmt: skip
        return self._next

    def tracked(self, number: int, days: float, *, task_of: str | None = None) -> None:
        """A tracked run that ended so many days ago."""
        at = NOW - days * DAY
        self.insert(
            "tracked_run", run_id=number, project_id=7, name=f"t{number}", display_name="", state="finished", created_at=at, updated_at=at,
            heartbeat_at=at, finished_at=at, pipeline_run_id=task_of,
        )  # fmt: skip

    def version(self, name: str, days: float, *contents: tuple[str, str, int], aliases: tuple[str, ...] = (), by: int | None = None) -> ArtifactVersion:
        """A version that holds contents given as (md5, blob, bytes)."""
        versions, at = SqlVersionStore(self.database), NOW - days * DAY
        made = versions.create_version(NewVersion(7, "dataset", "ds", name, at, "ann", aliases=aliases))
        manifest = sha(f"manifest {name}")
        self.manifests[manifest] = [md5 for md5, _, _ in contents]
        committed = versions.commit_version(made.version_id, digest=name, size_bytes=3, file_count=1, manifest=manifest, at=at)
        for md5, blob, size in contents:
            row = {"project_id": 7, "md5": md5, "blob": sha(blob), "size": size, "birth": made.version_id}
            sql = (
                "INSERT INTO project_content (project_id, md5, blob_digest, size_bytes, birth_version_id)"
                " VALUES (:project_id, :md5, :blob, :size, :birth) ON CONFLICT DO NOTHING"
            )
            self.database.write_sync(lambda tx, row=row, sql=sql: tx.execute(sql, row))
        if by is not None:
            sql = "UPDATE artifact_version SET creator_run_id = ? WHERE version_id = ?"
            self.database.write_sync(lambda tx: tx.execute(sql, (by, made.version_id)))
        return committed

    async def old(self, *kinds: TrashKind, days: float = 30, keep: int = 0) -> list[str]:
        """Titles of what a rule takes."""
        return [thing.title for thing in await self.store.old(RetentionRule(kinds, days, keep), now=NOW, limit=100)]


@pytest.fixture
def world(database: Database) -> World:
    project = "INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (7, 'ann', 'digits', 1.0, 1.0)"
    database.write_sync(lambda tx: tx.execute(project))
    return World(database)


async def test_runs_that_ended_long_ago_go_but_the_newest_of_each_pipeline_and_those_of_flows_stay(world: World) -> None:
    for number, days in enumerate((90, 80, 70, 10)):
        world.run(f"a{number}", days)
    world.run("b", 60, pipeline="other")
    world.run("waits", 95, state="RUNNING")
    world.run("flow", 95, kind="flow")
    assert await world.old(TrashKind.RUN) == ["a0", "a1", "a2", "b"]
    assert await world.old(TrashKind.RUN, keep=2) == ["a0", "a1"]
    assert await world.old(TrashKind.RUN, days=85) == ["a0"]
    await world.trash.put(TrashKind.RUN, "a0", batch="x", by="ann")
    assert await world.old(TrashKind.RUN, keep=2) == ["a1"]


async def test_what_carries_a_name_stays_with_its_makers(world: World) -> None:
    world.run("made-golden", 90)
    world.run("made-nothing", 80)
    world.tracked(1, 90, task_of="made-golden")
    world.tracked(2, 80)
    world.tracked(3, 5)
    world.version("golden", 90, aliases=("golden",), by=1)
    world.version("plain", 80, by=2)
    used = world.version("used since", 70)
    world.version("newest", 60)
    world.insert("version_use", tracked_run_id=3, version_id=used.version_id, direction="input", created_at=NOW - DAY)
    assert set(await world.old(TrashKind.RUN, TrashKind.TRACKED_RUN, TrashKind.VERSION)) == {"made-nothing", "t2", "ds:v1"}
    assert await world.old(TrashKind.VERSION, keep=3) == []


async def test_shared_contents_count_once_and_those_that_something_else_needs_do_not_count(world: World) -> None:
    for name in ("old-1", "old-2"):
        world.run(name, 90)
        world.artifact(name, "both old runs have it", 100)
    world.artifact("old-1", "its own", 7)
    world.run("young", 1, pipeline="q")
    world.artifact("young", "needed", 1000)
    world.artifact("old-2", "needed", 1000)
    used = world.artifact("old-1", "read by the young one", 5000)
    world.insert("artifact_use", task_id="t", run_id="young", artifact_id=used, direction="input", key="k", at=1.0)
    plan = await world.retention.plan(RetentionRule([TrashKind.RUN], 30, 0))
    assert (plan.freed_bytes, plan.shared_bytes, plan.log_bytes) == (107, 1000, 2000)
    assert [(place.place, place.things, place.freed_bytes) for place in plan.places] == [("p", 2, 107)]
    assert plan.is_exact
    assert not plan.is_cut


async def test_files_of_directories_are_weighed_one_by_one(world: World) -> None:
    world.trees = {sha("tree old"): [(sha("f1"), 10), (sha("f2"), 20)], sha("tree new"): [(sha("f2"), 20), (sha("f3"), 30)]}
    world.run("old", 90)
    world.artifact("old", "tree old", 30, is_directory=True)
    world.run("young", 1)
    world.artifact("young", "tree new", 50, is_directory=True)
    plan = await world.retention.plan(RetentionRule([TrashKind.RUN], 30, 0))
    assert (plan.freed_bytes, plan.shared_bytes) == (10, 20)


async def test_files_of_versions_are_freed_unless_a_version_that_stays_names_them(world: World) -> None:
    world.version("first", 90, ("aa", "blob a", 100), ("bb", "blob b", 10))
    world.version("second", 80, ("cc", "blob c", 1))
    world.version("latest", 70, ("bb", "blob b", 10))
    plan = await world.retention.plan(RetentionRule([TrashKind.VERSION], 30, 0))
    assert [thing.title for thing in plan.things] == ["ds:v0", "ds:v1"]
    assert (plan.freed_bytes, plan.shared_bytes) == (101, 10)
    world.run("young", 1)
    world.artifact("young", "blob a", 100)
    plan = await world.retention.plan(RetentionRule([TrashKind.VERSION], 30, 0))
    assert (plan.freed_bytes, plan.shared_bytes) == (1, 110)


async def test_what_is_hidden_from_the_reader_is_neither_named_nor_counted(world: World) -> None:
    world.tracked(1, 90)
    rule = RetentionRule([TrashKind.TRACKED_RUN], 30, 0)
    assert len((await world.retention.plan(rule)).things) == 1
    assert (await world.retention.plan(rule, readable=lambda entity: entity != "ann")).things == []


async def test_a_policy_moves_old_things_to_the_trash_and_none_does_nothing(world: World) -> None:
    world.run("old", 90)
    world.run("young", 1)
    assert await world.retention.carry_out() is None
    assert await world.trash.items() == []
    world.retention.policy = RetentionRule([TrashKind.RUN], 30, 0)
    assert await world.retention.carry_out() == NOW + 3600
    (item,) = await world.trash.items()
    assert (item.subject, item.user_name) == ("old", "retention")
    assert await world.retention.carry_out() == NOW + 3600
    assert len(await world.trash.items()) == 1
