"""The tracked run that every flow task has, on both databases: begun, replaced by a client's, given values, crashed."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest

from penstock.domain.flows import Authorship, NewArtifact, NewMetadata
from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import RunChange
from penstock.flows.recording import FlowRecorder
from penstock.interfaces.flow_failures import UNEXPLAINED
from penstock.interfaces.flow_values import UnreadTask
from penstock.server.clock import SystemIds
from penstock.stores.sql.database import Database
from penstock.stores.sql.flow_facts import SqlFlowStore
from penstock.stores.sql.flow_failures import SqlFlowFailures
from penstock.stores.sql.flow_judging import SqlFlowJudge
from penstock.stores.sql.flow_values import SqlFlowValues
from penstock.stores.sql.tracking_flow_tasks import FlowTaskRuns
from penstock.stores.sql.tracking_flows import link_flow_task
from tests.support.tracking import HandClock

BY = Authorship("ada", (), ("metaflow_version:2.19.0",))
CLOCK = HandClock()


class Flow:
    """Records one run as a client would."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.values = SqlFlowValues(database)
        self.recorder = FlowRecorder(SqlFlowStore(database, FlowTaskRuns(SystemIds(), entity="ann")), CLOCK)
        self.numbers = itertools.count()

    async def begin(self) -> None:
        await self.recorder.add_flow("F", BY)
        await self.recorder.add_run("F", None, BY)
        await self.task("_parameters")
        await self.artifacts("_parameters", "1", rate="p1")

    async def task(self, step: str, *facts: tuple[str, str]) -> str:
        await self.recorder.add_step("F", "1", step, BY)
        task = (await self.recorder.add_task("F", "1", step, None, BY)).shown_id
        await self.tell(step, task, *facts)
        return task

    async def tell(self, step: str, task: str, *facts: tuple[str, str], attempt: int = 0) -> None:
        by = Authorship("ada", (f"attempt_id:{attempt}",), ())
        await self.recorder.add_metadata("F", "1", step, task, [NewMetadata(field, value, field, by) for field, value in facts])

    async def artifacts(self, step: str, task: str, **shas: str) -> None:
        rows = [NewArtifact(name, 0, None, "local", sha, "t", "c", BY) for name, sha in shas.items()]
        await self.recorder.add_artifacts("F", "1", step, task, rows)

    def records(self) -> list[dict[str, Any]]:
        sql = "SELECT r.*, d.config, d.summary FROM tracked_run r JOIN tracked_document d ON d.run_id = r.run_id ORDER BY r.run_id"
        return [dict(row) for row in self.database.read_sync(lambda tx: tx.all(sql))]

    async def waiting(self) -> dict[str, UnreadTask]:
        return {item.task.step_name: item for item in await self.values.unread(limit=10, again=True)}


@pytest.fixture
def flow(database: Database) -> Flow:
    return Flow(database)


async def test_a_record_follows_its_task_and_gets_values_that_the_step_set(flow: Flow) -> None:
    await flow.begin()
    task = await flow.task("train", ("attempt", "0"))
    (record,) = flow.records()
    assert (record["state"], record["group_name"], record["job_type"], record["task_id"]) == ("running", "F/1", "train", f"F/1/train/{task}")
    await flow.tell("train", task, ("attempt_ok", "False"))
    assert flow.records()[0]["state"] == "failed"
    await flow.tell("train", task, ("attempt", "1"))
    await flow.tell("train", task, ("attempt_ok", "True"), attempt=1)
    await flow.artifacts("train", task, rate="p1", loss="s1", _internal="s2")
    waiting = await flow.waiting()
    assert waiting["train"].own == ["loss"]  # `rate` is the parameter that came in
    await flow.values.keep(waiting["_parameters"], {"rate": 0.5})
    await flow.values.keep(waiting["train"], {"loss": 0.1})
    (record,) = flow.records()
    assert record["state"] == "finished"
    assert orjson.loads(record["config"]) == {"rate": {"value": 0.5}}
    assert orjson.loads(record["summary"]) == {"loss": 0.1}
    assert await flow.waiting() == {}


async def test_what_cannot_be_read_is_tried_again_and_given_up(flow: Flow) -> None:
    await flow.begin()
    item = (await flow.waiting())["_parameters"]
    await flow.values.put_off(item, for_good=False)
    assert await flow.values.unread(limit=10, again=False) == []
    assert (await flow.waiting())["_parameters"].tries == 1
    await flow.values.put_off(item, for_good=True)
    assert await flow.waiting() == {}


async def test_a_client_s_run_takes_the_record_s_place(flow: Flow) -> None:
    await flow.begin()
    task = await flow.task("train", ("attempt", "0"))
    config = orjson.dumps({"_wandb": {"value": {"e": {"w": {"args": ["step", "train", "--run-id", "1", "--task-id", task]}}}}}).decode()

    def arrive(tx: Any) -> None:
        project = tx.one("SELECT project_id FROM tracked_project")["project_id"]
        tx.execute(
            "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at, user_name)"
            " VALUES (7, ?, 'own', 'own', 'running', 1, 1, 1, 'ada')",
            (project,),
        )
        tx.execute("INSERT INTO tracked_document (run_id, config) VALUES (7, ?)", (config,))
        link_flow_task(tx, TrackedRunId(7), RunChange(config=config))

    await flow.database.write(arrive)
    assert [record["name"] for record in flow.records()] == ["own"]
    await flow.values.keep((await flow.waiting())["_parameters"], {"rate": 0.5})
    await flow.tell("train", task, ("attempt_ok", "True"))
    (record,) = flow.records()
    assert record["state"] == "running"  # it ends when its client says so
    assert orjson.loads(record["config"])["rate"] == {"value": 0.5}


async def test_a_task_that_was_taken_over_has_none(flow: Flow) -> None:
    await flow.begin()
    await flow.task("train", ("attempt", "0"), ("origin-task-id", "5"), ("attempt_ok", "True"))
    assert flow.records() == []


async def test_a_task_whose_process_was_killed_is_lost_until_its_next_attempt(flow: Flow) -> None:
    await flow.begin()
    task = await flow.task("train", ("attempt", "0"))
    judge = SqlFlowJudge(flow.database)
    assert await judge.fail_silent(now=CLOCK.now() + 100, run_seconds=360, task_seconds=60) == 0
    states = flow.database.read_sync(
        lambda tx: tx.one(
            "SELECT task.state AS task, attempt.state AS attempt, run.state AS run, run.failed_count FROM task JOIN run ON run.run_id ="
            " task.run_id JOIN attempt ON attempt.task_id = task.task_id WHERE task.task_id = ?",
            (f"F/1/train/{task}",),
        )
    )
    assert states is not None
    assert [states[name] for name in ("task", "attempt", "run", "failed_count")] == ["FAILED", "FAILED", "RUNNING", 1]
    assert flow.records()[0]["state"] == "crashed"
    await flow.tell("train", task, ("attempt", "1"))
    await flow.tell("train", task, ("attempt_ok", "True"), attempt=1)
    assert flow.records()[0]["state"] == "finished"
    counts = flow.database.read_sync(lambda tx: tx.one("SELECT done_count, failed_count FROM run"))
    assert counts is not None
    assert (counts["done_count"], counts["failed_count"]) == (1, 0)


async def test_the_reason_of_a_failed_attempt_goes_to_that_attempt_alone(flow: Flow) -> None:
    failures = SqlFlowFailures(flow.database)

    def errors() -> list[tuple[str, str]]:
        sql = "SELECT state, error FROM attempt UNION ALL SELECT state, error FROM task WHERE task_id LIKE 'F/1/train/%' ORDER BY 1, 2"
        rows = flow.database.read_sync(lambda tx: tx.all(sql))
        return [(row["state"], orjson.loads(row["error"] or '{"message": ""}')["message"]) for row in rows]

    await flow.begin()
    task = await flow.task("train", ("attempt", "0"), ("attempt_ok", "False"))
    assert errors() == [("FAILED", UNEXPLAINED), ("FAILED", UNEXPLAINED)]
    (first,) = await failures.unexplained(limit=10, again=False)
    await failures.put_off(first)
    assert await failures.unexplained(limit=10, again=False) == []
    assert [item.tries for item in await failures.unexplained(limit=10, again=True)] == [1]
    await flow.tell("train", task, ("attempt", "1"), attempt=1)
    await failures.explain(first, "exit code 1: ValueError: x")  # while the next attempt runs: the task has no error
    assert errors() == [("FAILED", "exit code 1: ValueError: x"), ("RUNNING", ""), ("RUNNING", "")]
    await flow.tell("train", task, ("attempt_ok", "False"), attempt=1)
    (second,) = await failures.unexplained(limit=10, again=False)
    await failures.explain(second, "exit code 2")
    await failures.explain(second, "repeated")
    assert errors() == [("FAILED", "exit code 1: ValueError: x"), ("FAILED", "exit code 2"), ("FAILED", "exit code 2")]
    assert await failures.unexplained(limit=10, again=True) == []


async def test_an_attempt_that_told_nothing_of_its_end_is_explained_too_and_ended_at_its_last_heartbeat(flow: Flow) -> None:
    failures, judge = SqlFlowFailures(flow.database), SqlFlowJudge(flow.database)

    def attempts() -> list[tuple[str, float]]:
        rows = flow.database.read_sync(lambda tx: tx.all("SELECT error, finished_at FROM attempt ORDER BY attempt"))
        return [(orjson.loads(row["error"])["message"], row["finished_at"]) for row in rows]

    await flow.begin()
    task = await flow.task("train", ("attempt", "0"))
    await flow.tell("train", task, ("attempt", "1"), attempt=1)
    (first,) = await failures.unexplained(limit=10, again=True)
    assert first.attempt == 0
    await failures.explain(first, "killed by signal 9 (SIGKILL)")
    heard = CLOCK.now()
    await judge.fail_silent(now=heard + 100, run_seconds=360, task_seconds=60)
    assert attempts()[1] == ("no heartbeat for more than 60 seconds", heard)
    (second,) = await failures.unexplained(limit=10, again=True)
    await failures.explain(second, "exit code 3")
    assert [message for message, _ in attempts()] == ["killed by signal 9 (SIGKILL)", "exit code 3"]
    told = flow.database.read_sync(lambda tx: tx.one("SELECT error, finished_at FROM task WHERE type = 'RUNTIME'"))
    assert told is not None
    assert (orjson.loads(told["error"])["message"], told["finished_at"]) == ("exit code 3", heard)


async def test_a_silent_run_has_its_open_tasks_and_steps_failed(flow: Flow) -> None:
    await flow.begin()
    await flow.task("train", ("attempt", "0"))
    assert await SqlFlowJudge(flow.database).fail_silent(now=CLOCK.now() + 1000, run_seconds=360, task_seconds=60) == 1
    rows = flow.database.read_sync(lambda tx: tx.all("SELECT state FROM task UNION ALL SELECT state FROM attempt"))
    assert {row["state"] for row in rows} == {"FAILED"}
    assert len(await SqlFlowFailures(flow.database).unexplained(limit=10, again=True)) == 1
