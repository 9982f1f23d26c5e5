"""Lists of runs, experiments and pipelines: the same answers from SQLite and PostgreSQL, pages by keyset, totals by counters."""

from __future__ import annotations

import pytest

from penstock.domain.catalog import Experiment, Pipeline, PipelineVersion, RecurringRun, StoredSpec, Tick, TickOutcome, Trigger
from penstock.domain.errors import AlreadyExistsError
from penstock.domain.ids import Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId
from penstock.domain.states import StorageState
from penstock.interfaces.listing import ListQuery, Op, Page, Predicate, Scalar, Sort
from penstock.interfaces.run_store import RunView
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.experiments import SqlExperimentStore
from penstock.stores.sql.pipelines import SqlPipelineStore, SqlVersionStore
from penstock.stores.sql.recurring_runs import SqlRecurringRunStore
from penstock.stores.sql.runs import SqlRunStore


def add_run(tx: Transaction, number: int, *, experiment: str = "e1", state: str = "SUCCEEDED", created_at: float | None = None) -> None:
    at = float(number) if created_at is None else created_at
    tx.execute(
        "INSERT INTO run (run_id, kind, name, experiment_id, state, created_at, scheduled_at, finished_at, tags, namespace)"
        " VALUES (?, 'kfp', ?, ?, ?, ?, ?, ?, ?, '')",
        (f"r{number:03d}", f"run {number % 3}", experiment, state, at, at, at + 1 if number % 2 else None, f'{{"team":"t{number % 2}"}}'),
    )
    tx.execute("INSERT INTO run_parameter (run_id, name, number, text) VALUES (?, 'lr', ?, ?)", (f"r{number:03d}", number / 10, str(number / 10)))
    tx.execute("INSERT INTO run_metric (run_id, task_id, name, number) VALUES (?, 't', 'accuracy', ?)", (f"r{number:03d}", (number * 7) % 10))


async def all_pages(store: SqlRunStore, *predicates: Predicate, sort: Sort = Sort(), limit: int = 4, experiment: str | None = None) -> list[str]:  # noqa: B008
    after: tuple[Scalar, str] | None = None
    found: list[str] = []
    while True:
        query = ListQuery(predicates=predicates, sort=sort, after=after, limit=limit)
        page: Page[RunView] = await store.list(query, namespace="", experiment_id=ExperimentId(experiment) if experiment else None)
        found += [run.run_id for run in page.items]
        if page.last is None:
            assert page.total == len(found)
            return found
        after = page.last


async def test_pages_are_whole_and_ordered_whatever_the_sort(database: Database) -> None:
    await database.write(lambda tx: [add_run(tx, number, created_at=float(number // 3)) for number in range(14)])
    store = SqlRunStore(database)
    ids = [f"r{number:03d}" for number in range(14)]
    assert await all_pages(store) == ids
    assert await all_pages(store, sort=Sort("created_at", is_descending=True)) == ids[::-1]
    for key in ("name", "finished_at", "state", "metric:accuracy", "parameters.lr", "recurring_run_id"):
        ascending = await all_pages(store, sort=Sort(key))
        assert sorted(ascending) == ids, key
        assert await all_pages(store, sort=Sort(key, is_descending=True)) == ascending[::-1], key
    accuracies = [(int(run_id[1:]) * 7) % 10 for run_id in await all_pages(store, sort=Sort("metric:accuracy"))]
    assert accuracies == sorted(accuracies)


async def test_predicates_select(database: Database) -> None:
    await database.write(lambda tx: [add_run(tx, number, state="FAILED" if number == 3 else "SUCCEEDED") for number in range(6)])
    store = SqlRunStore(database)

    async def found(key: str, op: Op, *values: Scalar) -> list[int]:
        return [int(run_id[1:]) for run_id in await all_pages(store, Predicate(key, op, values))]

    assert await found("name", Op.EQUALS, "run 1") == [1, 4]
    assert await found("name", Op.IS_SUBSTRING, "RUN 2") == [2, 5]
    assert await found("name", Op.IS_SUBSTRING, "%") == []
    assert await found("state", Op.IN, "FAILED", "PENDING") == [3]
    assert await found("state", Op.NOT_IN, "FAILED") == [0, 1, 2, 4, 5]
    assert await found("state", Op.IN) == []
    assert await found("created_at", Op.GREATER_THAN_EQUALS, 4.0) == [4, 5]
    assert await found("finished_at", Op.LESS_THAN, 4.5) == [1, 3]
    assert await found("tags.team", Op.EQUALS, "t1") == [1, 3, 5]
    assert await found("tags.none", Op.NOT_EQUALS, "x") == [0, 1, 2, 3, 4, 5]
    assert await found("parameters.lr", Op.EQUALS, "0.2") == [2]
    assert await found("metric:accuracy", Op.GREATER_THAN, 4.0) == [1, 4, 5]
    assert await found("recurring_run_id", Op.NOT_EQUALS, "x") == [0, 1, 2, 3, 4, 5]
    assert await found("run_id", Op.IN, "r001", "r002") == [1, 2]
    assert await found("name", Op.EQUALS, "' OR 1=1 --") == []


async def test_totals_follow_every_change_of_a_run(database: Database) -> None:
    store = SqlRunStore(database)

    async def total(*predicates: Predicate, experiment: str | None = None) -> int:
        page = await store.list(
            ListQuery(predicates=predicates, limit=1), namespace="", experiment_id=ExperimentId(experiment) if experiment else None
        )
        return page.total

    available = Predicate("storage_state", Op.EQUALS, ("AVAILABLE",))
    await database.write(lambda tx: [add_run(tx, number, experiment="e1" if number < 4 else "e2") for number in range(6)])
    assert (await total(), await total(experiment="e1"), await total(available)) == (6, 4, 6)
    await store.set_storage_state(RunId("r001"), StorageState.ARCHIVED)
    assert (await total(), await total(available), await total(available, experiment="e1")) == (6, 5, 3)
    assert await total(Predicate("storage_state", Op.NOT_EQUALS, ("ARCHIVED",))) == 5
    await store.delete(RunId("r001"), with_artifacts=True)
    await store.delete(RunId("r005"), with_artifacts=True)
    assert (await total(), await total(experiment="e2"), await total(available)) == (4, 1, 4)
    await database.write(lambda tx: tx.execute("UPDATE run SET experiment_id = 'e2' WHERE run_id = 'r000'"))
    assert (await total(experiment="e1"), await total(experiment="e2")) == (2, 2)


async def test_a_page_takes_two_statements(database: Database) -> None:
    await database.write(lambda tx: [add_run(tx, number) for number in range(8)])
    asked: list[str] = []

    class Recorder:
        dialect = database.dialect

        def __init__(self, inner: Transaction) -> None:
            self.inner = inner

        def one(self, sql: str, params: object = ()) -> object:
            asked.append(sql)
            return self.inner.one(sql, params)  # type: ignore[arg-type]

        def all(self, sql: str, params: object = ()) -> object:
            asked.append(sql)
            return self.inner.all(sql, params)  # type: ignore[arg-type]

    class Recording:
        async def read(self, work):  # type: ignore[no-untyped-def]
            return await database.read(lambda tx: work(Recorder(tx)))

    await SqlRunStore(Recording()).list(ListQuery(limit=5), namespace="", experiment_id=None)  # type: ignore[arg-type]
    assert len(asked) == 2
    assert not any("OFFSET" in sql for sql in asked)


async def test_names_of_experiments_and_versions_are_unique(database: Database) -> None:
    experiments = SqlExperimentStore(database)
    first = Experiment(ExperimentId("e1"), "same", "", "", StorageState.AVAILABLE, 1.0)
    await experiments.create(first)
    with pytest.raises(AlreadyExistsError):
        await experiments.create(Experiment(ExperimentId("e2"), "same", "", "", StorageState.AVAILABLE, 2.0))
    assert await experiments.find("same", namespace="") == first
    pipelines, versions = SqlPipelineStore(database), SqlVersionStore(database)
    spec = StoredSpec(Digest("sha256:1"), "kfp", "p", "{}", None, 1.0)
    pipeline = Pipeline(PipelineId("p1"), "pipe", "Pipe", "", "", {"team": "red"}, 1.0)
    version = PipelineVersion(PipelineVersionId("v1"), PipelineId("p1"), "pipe", "pipe", "", spec.digest, None, None, {}, 1.0)
    await pipelines.create(pipeline, version, spec)
    with pytest.raises(AlreadyExistsError):
        await versions.create(version, spec)
    assert await versions.latest(PipelineId("p1")) == version
    page = await pipelines.list(ListQuery(predicates=(Predicate("tags.team", Op.EQUALS, ("red",)),)), namespace="any")
    assert page.items == [pipeline]
    spec_page = await versions.list(ListQuery(predicates=(Predicate("pipeline_spec", Op.IS_SUBSTRING, ("{",)),)), pipeline_id=None)
    assert spec_page.items == [version]


async def test_ticks_move_a_schedule_forward_only(database: Database) -> None:
    store = SqlRecurringRunStore(database)
    recurring = RecurringRun(
        RecurringRunId("s"), "s", "", ExperimentId("e"), "", Trigger(interval_seconds=5), 1, False, True, 1.0, 1.0,
        enabled_at=1.0, anchored_at=1.0, parameters={"x": 1},
    )  # fmt: skip
    await store.create(recurring)
    assert await store.get(RecurringRunId("s")) == recurring
    tick = Tick(RecurringRunId("s"), 11.0, 12.0, TickOutcome.FIRED, run_id=RunId("r"))
    await store.record([tick], trigger_index=2, error=None)
    await store.record([tick], trigger_index=2, error=None)
    await store.record([Tick(RecurringRunId("s"), 6.0, 12.0, TickOutcome.FIRED)], trigger_index=1, error=None)
    [(now, active)] = await store.enabled()
    assert (now.last_trigger_at, now.trigger_index, active) == (11.0, 2, 0)
    assert [one.planned_at for one in await store.ticks(RecurringRunId("s"), limit=10)] == [11.0, 6.0]
    await database.write(lambda tx: (add_run(tx, 1, state="RUNNING"), tx.execute("UPDATE run SET recurring_run_id = 's'"))[1])
    assert [count for _, count in await store.enabled()] == [1]


async def test_a_moved_run_counts_in_its_new_experiment_alone(database: Database) -> None:
    experiments, store = SqlExperimentStore(database), SqlRunStore(database)
    for number, name in enumerate(("e1", "e2", "e3")):
        await experiments.create(Experiment(ExperimentId(name), name, "", "", StorageState.AVAILABLE, float(number)))
    await experiments.set_storage_state(ExperimentId("e3"), StorageState.ARCHIVED)
    await database.write(lambda tx: [add_run(tx, number) for number in range(6)])
    assert await store.move(RunId("r002"), ExperimentId("e2"))
    assert await store.move(RunId("r001"), ExperimentId("e2"))
    assert sorted(await all_pages(store, experiment="e2")) == ["r001", "r002"]
    assert sorted(await all_pages(store, experiment="e1")) == ["r000", "r003", "r004", "r005"]
    newest = await experiments.get(ExperimentId("e2"))
    assert newest is not None
    assert newest.last_run_created_at == 2.0
    await store.set_storage_state(RunId("r003"), StorageState.ARCHIVED)
    assert await store.move(RunId("r003"), ExperimentId("e2"))
    moved = await store.get(RunId("r003"))
    assert moved is not None
    assert (moved.experiment_id, moved.storage_state) == ("e2", StorageState.ARCHIVED)
    assert not await store.move(RunId("r004"), ExperimentId("e3"))
    assert not await store.move(RunId("r004"), ExperimentId("none"))
    assert not await store.move(RunId("none"), ExperimentId("e2"))
    await database.write(lambda tx: tx.execute("UPDATE run SET storage_state = 'TRASHED' WHERE run_id = 'r004'"))
    assert not await store.move(RunId("r004"), ExperimentId("e2"))
    await database.write(lambda tx: tx.execute("UPDATE run SET storage_state = 'AVAILABLE' WHERE run_id = 'r004'"))
    assert sorted(await all_pages(store, experiment="e1")) == ["r000", "r004", "r005"]
