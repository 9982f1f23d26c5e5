"""What is said of outputs of pipelines, who changed it, and how their time to live ends: the same on SQLite and PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from penstock.background.blob_collector import BlobCollector, Retention
from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.errors import ConflictError, NotFoundError
from penstock.domain.execution import TaskOutputs
from penstock.domain.ids import ArtifactId, Digest, RunId
from penstock.domain.retention import RetentionRule
from penstock.domain.trash import TrashKind
from penstock.interfaces.artifact_notes import NoteChange
from penstock.interfaces.cache import CacheAnswer, CacheHitAnswer, CacheLookup, CacheMissAnswer
from penstock.interfaces.pages import Condition, ListQuery
from penstock.server.clock import SystemIds
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.run_folders import RunFolders
from penstock.stores.sql.artifact_notes import SqlArtifactNotes, SqlExpiringArtifacts
from penstock.stores.sql.cache import SqlTaskCache
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.housekeeping import SqlEndedRuns, SqlLiveBlobs
from penstock.stores.sql.pages_artifacts import SqlArtifactPages
from penstock.stores.sql.retention import SqlRetentionStore
from penstock.stores.sql.runs import SqlRunStore
from penstock.stores.sql.trash import SqlTrashStore
from penstock.trash.service import TrashService
from tests.support.databases import seeded_database
from tests.support.tracking import HandClock

DAY = 86_400.0


class _Nothing:
    def delete_expired(self, *, limit: int = 100) -> int:
        return 0

    def release(self, *, before: float) -> int:
        return 0


class World:
    """Two runs of a pipeline, each with a task that made a model (artifacts 1 and 2); the first one's result is kept for reuse."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.clock = database, HandClock(10 * DAY)
        self.blobs = LocalBlobStore(folder / "blobs")
        self.notes, self.pages = SqlArtifactNotes(database), SqlArtifactPages(database)
        self.digests = [self.blobs.put_bytes(text).digest for text in (b"first", b"second")]
        for digest in self.digests:
            os.utime(str(self.blobs.path_of(digest)), (0, 0))
        database.write_sync(self._seed)
        self.cache = SqlTaskCache(database, has=self.blobs.has, miss_reason=lambda wanted, newest: "nothing alike")
        folders, live = RunFolders(folder / "runs"), SqlLiveBlobs(database)
        expiring = SqlExpiringArtifacts(database, self.clock)
        self.collector = BlobCollector(
            self.blobs, live, [_Nothing(), expiring], _Nothing(), folders, SqlEndedRuns(database), self.clock, Retention()
        )

        async def nothing(subject: str) -> None:
            """Nothing hangs on these rows."""

        removers = dict.fromkeys(TrashKind, nothing)
        self.trash = TrashService(
            SqlTrashStore(database), before={}, removers=removers, keep_seconds=DAY, clock=self.clock, ids=SystemIds()
        )

    def _seed(self, tx: Transaction) -> None:
        for number, digest in enumerate(self.digests, 1):
            run, task = f"run-{number}", f"task-{number}"
            tx.execute(
                "INSERT INTO run (run_id, kind, name, pipeline_name, state, created_at, scheduled_at, finished_at)"
                " VALUES (?, 'kfp', ?, 'mnist', 'SUCCEEDED', 0, 0, 5)",
                (run, run),
            )
            self._task(tx, task, run)
            tx.execute(
                "INSERT INTO artifact (artifact_id, run_id, task_id, name, output_key, type, uri, digest, size_bytes, created_at)"
                " VALUES (?, ?, ?, 'model', 'model', 'system.Model', 'minio://m', ?, 6, ?)",
                (number, run, task, digest, 9 * DAY),
            )
            _use(tx, run, task, number, "output")
        ref = ArtifactRef(artifact_id=ArtifactId(1), name="model", type=ArtifactType("system.Model"), uri="minio://m", digest=Digest(self.digests[0]))
        outputs = msgspec.json.encode(TaskOutputs(artifacts={"model": [ref]})).decode()
        tx.execute(
            "INSERT INTO cache_entry (fingerprint, task_id, run_id, scope, component, parts, outputs, created_at)"
            " VALUES ('f', 'task-1', 'run-1', 's', 'train', '{}', ?, 1)",
            (outputs,),
        )

    @staticmethod
    def _task(tx: Transaction, task: str, run: str) -> None:
        tx.execute(
            "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, component, position, state, created_at)"
            " VALUES (?, ?, 1, 'train', 'train', 'train', 'RUNTIME', 'train', 0, 'SUCCEEDED', 0)",
            (task, run),
        )

    async def edit(self, artifact: int, *, aliases: tuple[str, ...] = (), tags: tuple[str, ...] = (), text: str = "", ttl: int | None = None) -> None:
        """Change the note of an artifact, as ann."""
        await self.notes.edit(artifact, NoteChange(text, aliases, tags, ttl), by="ann", at=self.clock.now())

    def also_in(self, run: str, state: str, direction: str, artifact: int = 1) -> None:
        """A third run took the artifact in, or reused it as its own output."""

        def work(tx: Transaction) -> None:
            tx.execute(
                "INSERT INTO run (run_id, kind, name, pipeline_name, state, created_at, scheduled_at) VALUES (?, 'kfp', ?, 'mnist', ?, 0, 0)",
                (run, run, state),
            )
            self._task(tx, f"{run}-task", run)
            _use(tx, run, f"{run}-task", artifact, direction)

        self.database.write_sync(work)

    async def reused(self) -> CacheAnswer:
        """What a new run is told that could reuse the first model."""
        (answer,) = await self.cache.look_up_many([CacheLookup("f", "s", "train", {})], now=self.clock.now())
        return answer

    async def listed(self, *conditions: Condition) -> list[int]:
        """Ids that the list of stored artifacts shows."""
        return sorted(item.artifact_id for item in (await self.pages.list_artifacts(ListQuery(conditions=conditions))).items)

    def later(self, seconds: float) -> None:
        """Time goes by, then housekeeping has a round."""
        self.clock.time += seconds
        self.collector.collect()


def _use(tx: Transaction, run: str, task: str, artifact: int, direction: str) -> None:
    tx.execute(
        "INSERT INTO artifact_use (task_id, run_id, artifact_id, direction, key, position, at) VALUES (?, ?, ?, ?, 'model', 0, 1)",
        (task, run, artifact, direction),
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A fresh one on each database."""
    for database in _databases(request.param, tmp_path):
        yield World(database, tmp_path)


def _databases(kind: str, folder: Path) -> Iterator[Database]:
    with seeded_database(kind, folder) as database:
        yield database


async def test_an_alias_is_at_one_artifact_of_an_output_and_the_history_says_who_moved_it(world: World) -> None:
    """Aliases move, tags do not; lists find both."""
    await world.edit(1, aliases=("production",), tags=("checked",), text="good")
    await world.edit(2, aliases=("production",), tags=("checked",))
    first, second = await world.notes.note(1), await world.notes.note(2)
    assert (first.aliases, first.tags, first.description, second.aliases) == ([], ["checked"], "good", ["production"])
    assert [(change.kind, change.subject, change.old_value, change.new_value) for change in await world.notes.changes(1)] == [
        ("alias", "production", "run-1", None), ("tag", "checked", None, "checked"), ("alias", "production", None, "run-1"),
        ("description", "", None, "good"),
    ]  # fmt: skip
    assert {change.user_name for change in await world.notes.changes(2)} == {"ann"}
    assert await world.listed(Condition("alias", "=", "production")) == [2]
    assert await world.listed(Condition("tag", ":", "check")) == [1, 2]
    assert await world.notes.aliases_of([("mnist", "train", "model")]) == {("mnist", "train", "model"): [("production", 2)]}


async def test_a_time_to_live_that_has_passed_ends_reuse_and_frees_the_bytes_a_round_later(world: World) -> None:
    """The row stays; the miss says why; the bytes go when what was decided before is surely on record."""
    await world.edit(1, aliases=("old",), ttl=int(2 * DAY))
    world.later(0)
    assert isinstance(await world.reused(), CacheHitAnswer)
    world.later(DAY)
    answer = await world.reused()
    assert isinstance(answer, CacheMissAnswer)
    assert answer.reason == "artifact `model` of the earlier result was deleted, or its time to live has passed"
    note = await world.notes.note(1)
    assert (note.ended_at, note.aliases, note.is_released) == (world.clock.now(), [], False)
    assert world.blobs.has(world.digests[0])
    assert await world.listed() == [2]
    world.later(3600)
    assert [world.blobs.has(digest) for digest in world.digests] == [False, True]
    assert await world.pages.artifact(1) is not None
    assert (await world.notes.changes(1))[0].user_name == ""
    with pytest.raises(ConflictError):
        await world.edit(1, ttl=None)


@pytest.mark.parametrize("direction", ["input", "output"])
async def test_what_a_run_that_is_not_over_took_or_reused_is_kept_until_its_end(world: World, direction: str) -> None:
    """Its time to live waits for that run; nobody can delete it either."""
    await world.edit(1, ttl=int(DAY))
    world.also_in("third", "RUNNING", direction)
    world.later(2 * DAY)
    world.later(DAY)
    assert isinstance(await world.reused(), CacheHitAnswer)
    assert world.blobs.has(world.digests[0])
    with pytest.raises(ConflictError, match="the run third is not over"):
        await world.trash.put(TrashKind.ARTIFACT, "1", batch="b", by="ann")
    world.database.write_sync(lambda tx: tx.execute("UPDATE run SET state = 'SUCCEEDED' WHERE run_id = 'third'"))
    world.later(1)
    world.later(3600)
    assert not world.blobs.has(world.digests[0])


async def test_bytes_that_another_record_holds_stay(world: World) -> None:
    """An artifact with the same content, of another run, keeps them."""
    world.database.write_sync(lambda tx: tx.execute("UPDATE artifact SET digest = ? WHERE artifact_id = 2", (world.digests[0],)))
    assert (await world.notes.holders(1)).same_bytes == 1
    await world.edit(1, ttl=1)
    world.later(1)
    world.later(3600)
    assert world.blobs.has(world.digests[0])


async def test_deleting_names_who_refers_waits_in_the_trash_and_is_undone_whole(world: World) -> None:
    """Readers, reusers, results; restored with its aliases, or let go when the trash is emptied."""
    await world.edit(1, aliases=("production", "old"))
    world.also_in("reader", "SUCCEEDED", "input")
    world.also_in("reuser", "FAILED", "output")
    held = await world.notes.holders(1)
    assert [[found[0] for found in part] for part in (held.readers, held.reusers)] == [["reader"], ["reuser"]]
    assert (held.open_runs, held.results, held.same_bytes) == ([], 1, 0)
    item = await world.trash.put(TrashKind.ARTIFACT, "1", batch="b", by="ann")
    assert (item.title, item.place, item.size_bytes) == ("train · model · run-1", "mnist", 6)
    assert isinstance(await world.reused(), CacheMissAnswer)
    await world.edit(2, aliases=("production",))
    world.later(3600)
    assert world.blobs.has(world.digests[0])
    assert (await world.notes.note(1)).is_trashed
    await world.trash.restore(item.item_id, by="bob")
    assert (await world.notes.note(1)).aliases == ["old"]
    assert isinstance(await world.reused(), CacheHitAnswer)
    again = await world.trash.put(TrashKind.ARTIFACT, "1", batch="b", by="ann")
    await world.trash.remove(again)
    world.later(3600)
    assert not world.blobs.has(world.digests[0])
    with pytest.raises(NotFoundError):
        await world.trash.put(TrashKind.ARTIFACT, "1", batch="b", by="ann")


async def test_a_run_whose_output_has_an_alias_is_not_old_and_takes_its_notes_along(world: World) -> None:
    """Retention leaves it; deleting the run leaves no note behind."""
    rule = RetentionRule(days=1, keep_newest=0, kinds=[TrashKind.RUN])
    store = SqlRetentionStore(world.database)
    assert [thing.subject for thing in await store.old(rule, now=world.clock.now(), limit=10)] == ["run-1", "run-2"]
    await world.edit(1, aliases=("production",))
    assert [thing.subject for thing in await store.old(rule, now=world.clock.now(), limit=10)] == ["run-2"]
    await SqlRunStore(world.database).delete(RunId("run-1"), with_artifacts=True)
    for table in ("artifact_note", "artifact_label", "artifact_change"):
        assert world.database.read_sync(lambda tx, table=table: tx.all(f"SELECT * FROM {table}")) == []  # type: ignore[misc]
