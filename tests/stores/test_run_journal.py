"""The run journal and the task cache on every database: the same engine scenarios, the same rows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.errors import AlreadyExistsError, NotFoundError, UnavailableError
from penstock.domain.expr import Const
from penstock.domain.ids import ArtifactId, Digest, RunId, TaskId
from penstock.domain.plan import RetryPolicy
from penstock.domain.states import RuntimeState
from penstock.engine import events
from penstock.engine.nodes import RunState
from penstock.interfaces.journal import ArtifactRecord, JournalBatch, RunRecord
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.journal import SqlRunJournal
from penstock.stores.sql.migrate import migrate
from penstock.testing.scripted_executor import WAIT, Outcome, failing
from tests.support.engines import Engine
from tests.support.plans import CACHED, flat, leaf, new_run, output, task


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    """A running engine."""
    made = Engine(database)
    await made.start()
    yield made
    await made.stop()


def _artifact(number: int, **fields: Any) -> ArtifactRef:
    values = {"name": f"a{number}", "type": ArtifactType("system.Metrics"), "uri": f"minio://x/{number}", "metadata": {"acc": 0.5}}
    return ArtifactRef(ArtifactId(number), **{**values, **fields})


async def test_long_parameters_are_kept_whole_at_every_step_of_a_task(engine: Engine) -> None:
    values = {name: {"x": [*range(3000), name, float("nan")]} for name in ("a", "b")}
    tasks = [task(name, "maker", retry=RetryPolicy(1), parameters={"x": Const(given["x"])}) for name, given in values.items()]
    engine.executor.scripts["a"] = [failing("once"), Outcome()]

    assert (await engine.run(flat(*tasks, templates=[leaf("maker", inputs=["x"])])))["state"] == "SUCCEEDED"

    rows = await engine.database.read(lambda tx: tx.all("SELECT task_key, inputs FROM task WHERE task_key IN ('a', 'b')"))
    stored = {row["task_key"]: json.loads(row["inputs"])["parameters"] for row in rows}
    assert stored == {name: {"x": [*range(3000), name, "NaN"]} for name in ("a", "b")}


async def test_a_run_with_a_retry_artifacts_and_a_cached_repetition(engine: Engine) -> None:
    hot = {"pid": 1, "argv": ["x"]}
    outcome = Outcome(parameters={"o": [1, {"k": "ü\x00"}]}, artifacts={"m": (_artifact(1, digest=Digest("sha256:m")),)}, detail=hot)
    engine.executor.scripts["a"] = [failing("bad \x00 byte"), outcome]
    templates = [leaf("maker", outputs=["o"], output_artifacts=["m"]), leaf("taker", inputs=["x"])]
    made = flat(
        task("a", "maker", retry=RetryPolicy(1), cache=CACHED),
        task("b", "taker", parameters={"x": output("a", "o")}, cache=CACHED),
        templates=templates,
    )
    assert (await engine.run(made, "run-1"))["state"] == "SUCCEEDED"
    engine.clock.advance(5)
    row = await engine.run(made, "run-2")
    assert (row["state"], row["cached_count"], row["task_count"]) == ("SUCCEEDED", 2, 2)
    first = engine.tasks("run-1")["root/a"]
    assert json.loads(first["outputs"]) == {"parameters": {"o": [1, {"k": "ü\x00"}]}, "artifacts": {"m": [1]}}
    assert json.loads(first["detail"]) == {**hot, "usage": {"run_seconds": 0.0}}
    assert engine.rows("SELECT COUNT(*) AS n FROM attempt")[0]["n"] == 3
    assert [row["number"] for row in engine.rows("SELECT number FROM run_metric ORDER BY run_id")] == [0.5, 0.5]
    assert engine.rows("SELECT text FROM task_note")[0]["text"] == "attempt 1 failed; retry 1 starts now"


async def test_metrics_that_no_database_holds_as_they_are_cost_neither_their_run_nor_others(engine: Engine) -> None:
    odd = {"nul \x00": 1.0, "half \ud83d": 2, "text": "v\x00 \ud83d", "huge": 10**400, "acc": 0.5}
    engine.executor.scripts["a"] = [Outcome(artifacts={"m": (_artifact(1, metadata=odd),)})]
    made = flat(task("a", "maker"), task("b", "maker"), templates=[leaf("maker", output_artifacts=["m"])])

    row = await engine.run(made, "run-1", parameters={"p": "x\x00\ud83d", "n": 10**400})

    assert row["state"] == "SUCCEEDED", row["error"]
    found = {row["name"]: (row["number"], row["text"]) for row in engine.rows("SELECT name, number, text FROM run_metric")}
    assert found["acc"] == (0.5, None)
    assert found["huge"] == (None, "1" + "0" * 400)
    assert found["text"] == (None, "v\N{REPLACEMENT CHARACTER} ?")
    assert len(found) == 5
    assert json.loads(engine.rows("SELECT metadata FROM artifact")[0]["metadata"]) == odd


async def test_a_run_whose_progress_cannot_be_written_down_is_given_up_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(state: RunState, changes: Any) -> list[Any]:
        if state.new_run.run_id == "run-1" and changes.published:
            raise ValueError("odd")
        return []

    monkeypatch.setattr("penstock.engine.records.metric_records", refused)
    await engine.submit(flat(task("a")), "run-1")
    await engine.submit(flat(task("b")), "run-2")

    assert (await engine.finished("run-2"))["state"] == "SUCCEEDED"
    given_up = await engine.finished("run-1")

    assert (given_up["state"], "internal error of the engine: odd" in given_up["error"]) == ("FAILED", True)
    assert not engine.driver.has_run(RunId("run-1"))


async def test_open_runs_are_found_and_rebuilt(engine: Engine) -> None:
    engine.scripts["a"] = WAIT
    await engine.stop()
    await engine.start()
    await engine.submit(flat(task("a")), "run-1", parameters={"n": 1.5, "s": "x", "l": [1]}, tags={"k": "v"}, options={"no_cache": True})
    await engine.run(flat(task("b")), "run-2")
    assert await engine.journal.open_runs() == [RunId("run-1")]
    stored = await engine.journal.load(RunId("run-1"))
    assert stored.content == {"plan": "plan-0"}
    assert stored.new_run.parameters == {"n": 1.5, "s": "x", "l": [1]}
    assert (stored.new_run.tags, stored.new_run.options) == ({"k": "v"}, {"no_cache": True})
    assert [event.seq for event in stored.events] == list(range(len(stored.events)))
    rows = engine.rows("SELECT name, number, text FROM run_parameter ORDER BY name")
    assert [(row["name"], row["number"], row["text"]) for row in rows] == [("l", None, "[1]"), ("n", 1.5, "1.5"), ("s", None, "x")]


async def test_creation_is_refused_twice_and_leaves_nothing_behind(database: Database) -> None:
    journal = SqlRunJournal(database)
    run = new_run()
    first = events.to_record(run.run_id, 0, events.RunSubmitted(1.0))
    await database.write(
        lambda tx: tx.execute("INSERT INTO spec (digest, kind, name, content, created_at) VALUES ('sha256:spec', 'kfp', 'p', '{}', 0)")
    )
    await journal.create(run, first)
    with pytest.raises(AlreadyExistsError):
        await journal.create(run, first)
    with pytest.raises(NotFoundError):
        await journal.load(RunId("other"))
    assert len((await journal.load(run.run_id)).events) == 1


async def test_a_batch_is_stored_whole_or_not_at_all(database: Database) -> None:
    journal = SqlRunJournal(database)
    event = events.to_record(RunId("r"), 0, events.RunSubmitted(1.0))
    await journal.append(JournalBatch(events=[event]))
    record = ArtifactRecord(_artifact(1), RunId("r"), TaskId("t"), "m", 1.0)
    with pytest.raises(Exception):  # noqa: B017 - each driver has its own class for a broken primary key
        await journal.append(JournalBatch(events=[event], artifacts=[record]))
    assert database.read_sync(lambda tx: tx.all("SELECT * FROM artifact")) == []


async def test_progress_of_a_deleted_run_is_dropped(database: Database) -> None:
    record = RunRecord(RunId("gone"), RuntimeState.RUNNING, (), None, None, 1.0, None, 0, 0, 0, 0)
    assert await SqlRunJournal(database).append(JournalBatch(runs=[record])) == {RunId("gone"): 0}


async def test_artifacts_are_found_by_identity_and_by_content(database: Database) -> None:
    journal = SqlRunJournal(database)
    plain = _artifact(1, uri="gs://x", metadata={"a": 1, "b": float("nan")})
    stored = _artifact(2, uri="gs://x", metadata={}, digest=Digest("sha256:d"), size_bytes=3)
    records = [ArtifactRecord(artifact, RunId("r"), TaskId("t"), "m", float(artifact.artifact_id)) for artifact in (plain, stored)]
    await journal.append(JournalBatch(artifacts=records))
    assert await journal.find_identical_artifact(_artifact(9, uri="gs://x", metadata={"b": float("nan"), "a": 1})) is not None
    assert await journal.find_identical_artifact(_artifact(9, uri="gs://x", metadata={"a": 2})) is None
    assert await journal.find_content("gs://x") == stored
    assert await journal.find_content("gs://y") is None


async def test_trouble_of_the_database_is_told_from_faults(database: Database) -> None:
    class FullDiskOperationalError(Exception):
        """Stands for the driver's class of that name."""

    FullDiskOperationalError.__name__ = "OperationalError"

    async def fails(work: Any) -> None:
        raise FullDiskOperationalError("database or disk is full")

    journal = SqlRunJournal(database)
    database.write = fails  # type: ignore[method-assign] # a full disk cannot be had on order
    with pytest.raises(UnavailableError, match="disk is full"):
        await journal.append(JournalBatch())
    with pytest.raises(UnavailableError):
        await journal.create(new_run(), events.to_record(RunId("r"), 0, events.RunSubmitted(1.0)))


async def test_many_cached_tasks_are_answered_together(engine: Engine) -> None:
    template = leaf("maker", inputs=["x"], outputs=["o"])
    made = flat(*[task(f"t{n}", "maker", parameters={"x": Const(n)}, cache=CACHED) for n in range(900)], templates=[template])
    await engine.run(made, "run-1")
    row = await engine.run(made, "run-2")
    assert row["cached_count"] == 900


async def test_a_task_keeps_where_it_ran_and_which_code_it_had(engine: Engine) -> None:
    maker = leaf("maker", identity={"code": "c0de", "image": "1m"})
    engine.executor.scripts["a"] = [dataclasses.replace(failing("once"), detail={"host": "first"}), Outcome(detail={"host": "second"})]
    await engine.run(flat(task("a", "maker", retry=RetryPolicy(1)), templates=[maker]))
    rows = await engine.database.read(lambda tx: tx.all("SELECT task_key, worker, code_digest FROM task ORDER BY position"))
    assert [(row["worker"], row["code_digest"]) for row in rows] == [("", ""), ("second", "c0de")]


def test_tasks_from_before_get_their_worker_and_code_when_the_database_is_upgraded(database: Database) -> None:
    def add(tx: Transaction, task_id: str, fingerprint: str | None, cached: str | None, detail: str) -> None:
        tx.execute(
            "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, state, created_at, cache_fingerprint, "
            "cached_task_id, detail) VALUES (?, 'r', 1, 'p', 'k', 'k', 'RUNTIME', 'SUCCEEDED', 1, ?, ?, ?)",
            (task_id, fingerprint, cached, detail),
        )

    def age(tx: Transaction) -> None:
        tx.execute("DROP INDEX task_code")
        if tx.dialect.name == "sqlite":
            tx.execute("DROP INDEX task_page_recent")
            tx.execute("CREATE INDEX task_created ON task (created_at, task_id)")
        for column in ("worker", "code_digest"):
            tx.execute(f"ALTER TABLE task DROP COLUMN {column}")
        tx.execute("DELETE FROM schema_migration WHERE name = '0025_executions.sql'")
        add(tx, "ran", "f1", None, '{"host":"old-machine","mode":"warm"}')
        add(tx, "reused", "f1", "ran", "{}")
        add(tx, "never", None, None, "{}")
        tx.execute(
            "INSERT INTO cache_entry (fingerprint, task_id, run_id, scope, component, parts, outputs, created_at) "
            """VALUES ('f1', 'ran', 'r', '/', 'c', '{"code":"c0de","image":"x"}', '{}', 1)"""
        )
        migrate(tx)

    database.write_sync(age)
    rows = database.read_sync(lambda tx: tx.all("SELECT task_id, worker, code_digest FROM task ORDER BY task_id"))
    found = {row["task_id"]: (row["worker"], row["code_digest"]) for row in rows}
    assert found == {"ran": ("old-machine", "c0de"), "reused": ("", "c0de"), "never": ("", "")}
