"""The trash on SQLite and PostgreSQL: hidden from every list, restored as it was, names free meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from penstock.domain.errors import ConflictError, NotFoundError, PreconditionError
from penstock.domain.ids import Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId, TrackedRunId
from penstock.domain.tracking import TrackedProjectId
from penstock.domain.trash import TrashItem, TrashKind
from penstock.domain.versions import ArtifactVersion, NewVersion
from penstock.interfaces.listing import ListQuery
from penstock.stores.sql.collections import SqlCollectionStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.experiments import SqlExperimentStore
from penstock.stores.sql.pages_tracking import SqlTrackingPages
from penstock.stores.sql.pipelines import SqlPipelineStore
from penstock.stores.sql.pipelines import SqlVersionStore as SqlPipelineVersionStore
from penstock.stores.sql.recurring_runs import SqlRecurringRunStore
from penstock.stores.sql.runs import SqlRunStore
from penstock.stores.sql.tracking_projects import SqlProjectStore
from penstock.stores.sql.trash import SqlTrashStore
from penstock.stores.sql.versions import SqlVersionStore
from penstock.trash.service import TrashService
from tests.support.tracking import HandClock

PROJECT = 7
BLOB = Digest("sha256:" + "1" * 64)


@pytest.fixture
def database(database: Database) -> Database:
    project = "INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (?, 'ann', 'p', 1.0, 1.0)"
    database.write_sync(lambda tx: tx.execute(project, (PROJECT,)))
    return database


@pytest.fixture
def trash(database: Database) -> SqlTrashStore:
    return SqlTrashStore(database)


def put(trash: SqlTrashStore, kind: TrashKind, subject: object) -> TrashItem:
    return asyncio.run(trash.put(kind, str(subject), batch="b", by="ann", at=10.0, due_at=20.0))


def restore(trash: SqlTrashStore, item: TrashItem) -> None:
    asyncio.run(trash.restore(item.item_id, by="ann", at=11.0))


def committed(database: Database, digest: str, *aliases: str, name: str = "ds") -> ArtifactVersion:
    versions = SqlVersionStore(database)
    made = versions.create_version(NewVersion(PROJECT, "dataset", name, digest, 1.0, "ann", aliases=aliases))
    return versions.commit_version(made.version_id, digest=digest, size_bytes=3, file_count=1, manifest=BLOB, at=2.0)


def add_tracked(database: Database, run_id: int, name: str) -> None:
    sql = (
        "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at, tags) "
        "VALUES (?, ?, ?, 'title', 'finished', 1.0, 1.0, 1.0, '[\"good\"]')"
    )
    database.write_sync(lambda tx: tx.execute(sql, (run_id, PROJECT, name)))
    database.write_sync(lambda tx: tx.execute("INSERT INTO tracked_document (run_id) VALUES (?)", (run_id,)))


def test_a_run_is_found_by_no_client_until_it_is_restored(database: Database, trash: SqlTrashStore) -> None:
    sql = (
        "INSERT INTO run (run_id, kind, name, state, storage_state, created_at, scheduled_at) "
        "VALUES (?, 'kfp', 'n', 'SUCCEEDED', 'ARCHIVED', 1.0, 1.0)"
    )
    for run_id in ("r1", "r2"):
        database.write_sync(lambda tx, run_id=run_id: tx.execute(sql, (run_id,)))  # type: ignore[misc]
    runs = SqlRunStore(database)

    def listed() -> tuple[list[str], int]:
        page = asyncio.run(runs.list(ListQuery(), namespace="", experiment_id=None))
        return [run.run_id for run in page.items], page.total

    item = put(trash, TrashKind.RUN, "r1")
    assert put(trash, TrashKind.RUN, "r1") == item
    assert listed() == (["r2"], 1)
    assert asyncio.run(runs.get(RunId("r1"))) is None
    restore(trash, item)
    assert listed() == (["r1", "r2"], 2)
    view = asyncio.run(runs.get(RunId("r1")))
    assert view is not None and view.storage_state.value == "ARCHIVED"
    with pytest.raises(NotFoundError):
        restore(trash, item)


def test_the_name_of_a_tracked_run_is_free_while_it_lies_in_the_trash(database: Database, trash: SqlTrashStore) -> None:
    pages = SqlTrackingPages(database)
    add_tracked(database, 100, "abc")
    first = put(trash, TrashKind.TRACKED_RUN, 100)
    assert (first.title, first.place, first.entity) == ("title", "ann/p", "ann")
    assert asyncio.run(pages.runs([TrackedRunId(100)])) == {}
    add_tracked(database, 101, "abc")
    with pytest.raises(ConflictError, match="abc"):
        restore(trash, first)
    second = put(trash, TrashKind.TRACKED_RUN, 101)
    restore(trash, first)
    assert asyncio.run(pages.runs([TrackedRunId(100)]))[TrackedRunId(100)].name == "abc"
    tags = database.read_sync(lambda tx: tx.all("SELECT tag, run_id FROM tracked_tag"))
    assert [(row["tag"], row["run_id"]) for row in tags] == [("good", 100)]
    assert asyncio.run(trash.items()) == [second]


def test_a_version_comes_back_with_its_number_and_the_aliases_that_are_free(database: Database, trash: SqlTrashStore) -> None:
    collections, pages = SqlCollectionStore(database), SqlTrackingPages(database)
    first, second = committed(database, "d1", "best", "old"), committed(database, "d2")
    portfolio = collections.ensure_portfolio(PROJECT, "links", "dataset", at=3.0)
    collections.link(portfolio.collection_id, first.version_id, ["staging"], at=4.0)
    item = put(trash, TrashKind.VERSION, first.version_id)
    assert item.title == "ds:v0"
    collections.set_aliases(second.version_id, [(second.collection_id, "best")], at=5.0)
    assert [entry.version_index for entry in asyncio.run(pages.versions(first.collection_id))] == [1]
    restore(trash, item)
    found = asyncio.run(pages.versions(first.collection_id))
    assert [(entry.version_index, list(entry.aliases)) for entry in found] == [(1, ["best", "latest"]), (0, ["old"])]
    assert [alias.alias for alias in collections.aliases_of_collection(portfolio.collection_id)] == ["latest", "staging"]
    assert asyncio.run(pages.changes(first.collection_id, first.version_id))[0].kind == "restore"


def test_a_collection_comes_back_with_versions_and_links_unless_its_name_is_taken(database: Database, trash: SqlTrashStore) -> None:
    collections, pages = SqlCollectionStore(database), SqlTrackingPages(database)
    version = committed(database, "d1", "best")
    portfolio = collections.ensure_portfolio(PROJECT, "links", "dataset", at=3.0)
    collections.link(portfolio.collection_id, version.version_id, ["staging"], at=4.0)
    item = put(trash, TrashKind.COLLECTION, version.collection_id)
    assert collections.collection_by_name(PROJECT, "ds") is None
    assert SqlVersionStore(database).version(version.version_id) is None
    assert collections.aliases_of_collection(portfolio.collection_id) == []
    fresh = committed(database, "d1")
    assert fresh.version_index == 0
    with pytest.raises(ConflictError, match="ds"):
        restore(trash, item)
    collections.delete_collection(fresh.collection_id, at=12.0)
    restore(trash, item)
    assert [list(entry.aliases) for entry in asyncio.run(pages.versions(version.collection_id))] == [["best", "latest"]]
    assert [alias.alias for alias in collections.aliases_of_collection(portfolio.collection_id)] == ["latest", "staging"]
    put(trash, TrashKind.COLLECTION, version.collection_id)
    collections.purge_collection(version.collection_id, at=13.0)
    assert database.read_sync(lambda tx: tx.all("SELECT 1 FROM artifact_version WHERE collection_id = ?", (version.collection_id,))) == []


def test_what_is_due_goes_for_good_and_what_fails_is_tried_again(database: Database, trash: SqlTrashStore) -> None:
    gone: list[str] = []

    async def remove(subject: str) -> None:
        if not gone:
            gone.append("tried")
            raise ConflictError("busy")
        gone.append(subject)

    class Ids:
        def new_uuid(self) -> str:
            return "batch"

        def new_int(self) -> int:
            return 1

    clock = HandClock(100.0)
    service = TrashService(trash, before={}, removers={TrashKind.TRACKED_RUN: remove}, keep_seconds=50.0, clock=clock, ids=Ids())
    add_tracked(database, 100, "abc")
    asyncio.run(service.put(TrashKind.TRACKED_RUN, "100", batch=service.new_batch(), by="ann"))
    assert asyncio.run(service.empty_due()) == 150.0
    clock.time = 150.0
    assert asyncio.run(service.empty_due()) == 750.0
    assert asyncio.run(service.empty_due()) is None
    assert gone == ["tried", "100"]
    assert asyncio.run(service.items()) == []


def add_run(database: Database, run_id: str, storage_state: str, state: str = "SUCCEEDED") -> None:
    sql = (
        "INSERT INTO run (run_id, kind, name, state, storage_state, experiment_id, created_at, scheduled_at)"
        " VALUES (?, 'kfp', ?, ?, ?, 'e1', 1.0, 1.0)"
    )
    database.write_sync(lambda tx: tx.execute(sql, (run_id, run_id, state, storage_state)))


def add_schedule(database: Database, recurring_run_id: str, *, is_enabled: int = 1) -> None:
    sql = (
        "INSERT INTO recurring_run (recurring_run_id, display_name, experiment_id, max_concurrency, trigger_spec, is_enabled, created_at,"
        " updated_at, enabled_at) VALUES (?, 'nightly', 'e1', 1, '{\"interval_seconds\": 60}', ?, 1.0, 1.0, 1.0)"
    )
    database.write_sync(lambda tx: tx.execute(sql, (recurring_run_id, is_enabled)))
    tick = "INSERT INTO recurring_tick (recurring_run_id, planned_at, decided_at, outcome, reason) VALUES (?, 2.0, 2.0, 'fired', '')"
    database.write_sync(lambda tx: tx.execute(tick, (recurring_run_id,)))


def states_of(database: Database) -> dict[str, str]:
    rows = database.read_sync(lambda tx: tx.all("SELECT run_id, storage_state FROM run"))
    return {row["run_id"]: row["storage_state"] for row in rows}


def make_experiment(database: Database, experiment_id: str = "e1") -> None:
    sql = "INSERT INTO experiment (experiment_id, name, notes, created_at) VALUES (?, 'rates', 'note', 1.0)"
    database.write_sync(lambda tx: tx.execute(sql, (experiment_id,)))


def test_an_experiment_takes_its_runs_and_schedules_along_and_brings_them_back(database: Database, trash: SqlTrashStore) -> None:
    experiments, schedules = SqlExperimentStore(database), SqlRecurringRunStore(database)
    make_experiment(database)
    for run_id, storage_state in (("r1", "AVAILABLE"), ("r2", "ARCHIVED"), ("r3", "AVAILABLE")):
        add_run(database, run_id, storage_state)
    add_schedule(database, "s1")
    alone = put(trash, TrashKind.RUN, "r3")
    item = put(trash, TrashKind.EXPERIMENT, "e1")
    assert item.title == "rates"
    assert asyncio.run(experiments.get(ExperimentId("e1"))) is None
    assert asyncio.run(schedules.enabled()) == []
    assert set(states_of(database).values()) == {"TRASHED"}
    with pytest.raises(ConflictError, match="experiment"):
        restore(trash, alone)
    make_experiment(database, "e2")
    with pytest.raises(ConflictError, match="rates"):
        restore(trash, item)
    asyncio.run(experiments.delete(ExperimentId("e2")))
    restore(trash, item)
    assert asyncio.run(experiments.find("rates", namespace="")) is not None
    assert states_of(database) == {"r1": "AVAILABLE", "r2": "ARCHIVED", "r3": "TRASHED"}
    (back, _), = asyncio.run(schedules.enabled())
    assert back.enabled_at == 11.0
    restore(trash, alone)
    assert states_of(database)["r3"] == "AVAILABLE"


def test_an_experiment_with_an_active_run_stays(database: Database, trash: SqlTrashStore) -> None:
    make_experiment(database)
    add_run(database, "r1", "AVAILABLE", "RUNNING")
    with pytest.raises(PreconditionError, match="1 active run"):
        put(trash, TrashKind.EXPERIMENT, "e1")
    assert states_of(database) == {"r1": "AVAILABLE"}


def test_a_schedule_that_is_gone_for_good_leaves_no_history(database: Database, trash: SqlTrashStore) -> None:
    schedules = SqlRecurringRunStore(database)
    add_schedule(database, "s1", is_enabled=0)
    item = put(trash, TrashKind.SCHEDULE, "s1")
    assert asyncio.run(schedules.get(RecurringRunId("s1"))) is None
    restore(trash, item)
    back = asyncio.run(schedules.get(RecurringRunId("s1")))
    assert back is not None and (back.enabled_at, len(asyncio.run(schedules.ticks(RecurringRunId("s1"), limit=5)))) == (1.0, 1)
    asyncio.run(trash.forget(put(trash, TrashKind.SCHEDULE, "s1").item_id))
    assert asyncio.run(schedules.ticks(RecurringRunId("s1"), limit=5)) == []


def test_pipelines_and_versions_come_back_unless_their_names_are_taken(database: Database, trash: SqlTrashStore) -> None:
    pipelines, versions = SqlPipelineStore(database), SqlPipelineVersionStore(database)
    at = 1.0
    spec = "INSERT INTO spec (digest, kind, name, content, created_at) VALUES ('sha256:1', 'ir', 'p', '{}', 1.0)"
    database.write_sync(lambda tx: tx.execute(spec))

    def add(pipeline_id: str, version_id: str) -> None:
        made = "INSERT INTO pipeline (pipeline_id, name, display_name, created_at) VALUES (?, 'p', 'P', ?)"
        database.write_sync(lambda tx: tx.execute(made, (pipeline_id, at)))
        made_version = (
            "INSERT INTO pipeline_version (pipeline_version_id, pipeline_id, name, display_name, spec_digest, created_at)"
            " VALUES (?, ?, 'v1', 'V1', 'sha256:1', ?)"
        )
        database.write_sync(lambda tx: tx.execute(made_version, (version_id, pipeline_id, at)))

    add("p1", "v1")
    one = put(trash, TrashKind.PIPELINE_VERSION, "v1")
    assert (one.title, one.place) == ("V1", "P")
    assert asyncio.run(versions.get(PipelineVersionId("v1"))) is None
    whole = put(trash, TrashKind.PIPELINE, "p1")
    with pytest.raises(ConflictError, match="pipeline"):
        restore(trash, one)
    add("p2", "v2")
    with pytest.raises(ConflictError, match="named 'p'"):
        restore(trash, whole)
    asyncio.run(pipelines.delete(PipelineId("p2")))
    restore(trash, whole)
    restore(trash, one)
    back = asyncio.run(versions.get(PipelineVersionId("v1")))
    assert back is not None and back.pipeline_id == "p1"


def test_a_project_comes_back_with_its_runs_unless_its_name_is_taken(database: Database, trash: SqlTrashStore) -> None:
    projects, pages = SqlProjectStore(database), SqlTrackingPages(database)
    add_tracked(database, 100, "abc")
    item = put(trash, TrashKind.PROJECT, PROJECT)
    assert (item.title, item.place, item.entity) == ("p", "ann/p", "ann")
    assert asyncio.run(projects.get("ann", "p")) is None
    assert asyncio.run(pages.runs([TrackedRunId(100)])) == {}
    again = "INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (8, 'ann', 'p', 1.0, 1.0)"
    database.write_sync(lambda tx: tx.execute(again))
    with pytest.raises(ConflictError, match="ann"):
        restore(trash, item)
    asyncio.run(projects.delete(TrackedProjectId(8), at=2.0))
    restore(trash, item)
    assert asyncio.run(pages.runs([TrackedRunId(100)]))[TrackedRunId(100)].name == "abc"
    put(trash, TrashKind.PROJECT, PROJECT)
    assert asyncio.run(projects.delete(TrackedProjectId(PROJECT), at=3.0)) == [100]
