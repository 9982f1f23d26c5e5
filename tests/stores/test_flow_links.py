"""Recorded flows meet the rest: tracked runs find their task, pages find tracked runs, and deployed runs end with the engine's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from penstock.domain.flows import Authorship, NewMetadata, Page
from penstock.domain.ids import RunId
from penstock.domain.tracking import RunChange
from penstock.flows.recording import FlowRecorder
from penstock.interfaces.page_flows import FlowQuery, FlowTaskQuery
from penstock.server.tracking import Tracking
from penstock.stores.sql.database import Database, open_database
from penstock.stores.sql.flow_engine import follow_engine
from penstock.stores.sql.flow_facts import SqlFlowStore
from penstock.stores.sql.flow_judging import SqlFlowJudge
from penstock.stores.sql.pages_flows import SqlFlowPages
from penstock.testing.scripted_executor import WAIT, failing
from tests.support.engines import Engine
from tests.support.plans import flat, leaf, task
from tests.support.tracking import HandClock, tracking_room

ADA = Authorship("ada", ("nightly",), ("user:ada", "metaflow_version:2.19.0"))


class Room:
    """A recorder, pages and tracked runs over one database."""

    def __init__(self, database: Database, tracking: Tracking, clock: HandClock) -> None:
        self.database = database
        self.tracking = tracking
        self.recorder = FlowRecorder(SqlFlowStore(database), clock)
        self.pages = SqlFlowPages(database)

    async def begin(self, run_id: str | None = None, *, step: str = "train", count: int = 1) -> tuple[str, list[str]]:
        """Record a run with running tasks of one step; return its id and theirs."""
        if not await self.recorder.store.flows(Page()):
            await self.recorder.add_flow("F", ADA)
        run = await self.recorder.add_run("F", run_id, ADA)
        await self.recorder.add_step("F", run.shown_id, step, ADA)
        tasks = [(await self.recorder.add_task("F", run.shown_id, step, None, ADA)).shown_id for _ in range(count)]
        for identity in tasks:
            started = [NewMetadata("attempt", "0", "attempt", Authorship("ada", ("attempt_id:0",), ()))]
            await self.recorder.add_metadata("F", run.shown_id, step, identity, started)
        return run.shown_id, tasks


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    clock = HandClock()
    database = open_database(f"sqlite:///{tmp_path / 'penstock.db'}", synchronous="OFF")
    async with tracking_room(tmp_path, clock, database) as tracking:
        yield Room(database, tracking, clock)
    database.close()


def written_by(run: str, task_id: str) -> str:
    arguments = ["step", "train", "--run-id", run, "--task-id", task_id]
    return orjson.dumps({"_wandb": {"value": {"e": {"w": {"args": arguments}}}}}).decode()


async def test_the_command_line_tells_foreach_tasks_apart(room: Room) -> None:
    run, (first, second) = await room.begin(count=2)
    await room.tracking.runs.upsert("ann", "p", "two", RunChange(group="own", config=written_by(run, second)))
    await room.tracking.runs.upsert("ann", "p", "one", RunChange(group="own", config=written_by(run, first)))
    view = await room.pages.run("F", run)
    assert view is not None
    assert {item.task_id: [link.name for link in item.tracked] for item in (await room.pages.tasks("F", run, FlowTaskQuery())).items} == {first: ["one"], second: ["two"]}


async def test_a_group_links_only_when_one_task_is_meant(room: Room) -> None:
    run, (only,) = await room.begin()
    await room.tracking.runs.upsert("ann", "p", "one", RunChange(group=f"F/{run}", job_type="train"))
    again = await room.tracking.runs.get("ann", "p", "one")
    assert again is not None
    assert again.task_id == f"F/{run}/train/{only}"
    wide, _ = await room.begin(count=2)
    await room.tracking.runs.upsert("ann", "p", "guess", RunChange(group=f"F/{wide}", job_type="train"))
    guess = await room.tracking.runs.get("ann", "p", "guess")
    assert guess is not None
    assert guess.task_id is None


async def test_runs_are_filtered_and_name_flows_and_users(room: Room) -> None:
    run, _ = await room.begin()
    listing = await room.pages.runs(FlowQuery(user="ada", tags=["nightly"], status="running", text=f"f/{run}"))
    assert [item.run_id for item in listing.items] == [run]
    assert (listing.flow_ids, listing.users) == (["F"], ["ada"])
    for query in (
        FlowQuery(status="failed"),
        FlowQuery(tags=["night_y"]),
        FlowQuery(user="bob"),
        FlowQuery(since=4e9),
        FlowQuery(text="%"),
    ):
        assert (await room.pages.runs(query)).total == 0


async def test_a_deployed_run_ends_with_the_engine_s(room: Room) -> None:
    engine = Engine(room.database)
    await engine.start()
    engine.journal.add_projection(follow_engine)
    engine.executor.scripts["train"] = [failing("bad")]
    await room.begin("run-1")
    await engine.run(flat(task("train", "trainer"), templates=[leaf("trainer")]))
    await engine.stop()
    view = await room.pages.run("F", "run-1")
    assert view is not None
    assert view.first_failure is not None
    assert (view.run.state, view.first_failure.step_name, view.run.pipeline_run_id) == ("FAILED", "train", "run-1")


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_deployed_run_is_paused_with_the_engine_s_also_when_its_first_step_tells_of_it_later(room: Room, is_known: bool) -> None:
    engine = Engine(room.database)
    await engine.start()
    engine.journal.add_projection(follow_engine)
    engine.executor.scripts["train"] = WAIT
    if is_known:
        await room.begin("run-1")
    await engine.submit(flat(task("train", "trainer"), templates=[leaf("trainer")]))
    await engine.settled()
    await engine.driver.pause(RunId("run-1"))
    if not is_known:
        await room.begin("run-1")
    states = []
    for step in (engine.driver.unpause(RunId("run-1")), engine.stop()):
        view = await room.pages.run("F", "run-1")
        states.append(None if view is None else view.run.state)
        await step
    assert states == ["PAUSED", "RUNNING"]


async def test_a_run_whose_task_failed_has_failed_as_soon_as_its_client_is_silent(room: Room) -> None:
    run, (only,) = await room.begin()
    failed = [NewMetadata("attempt_ok", "False", "internal_attempt_status", Authorship("ada", ("attempt_id:0",), ()))]
    await room.recorder.add_metadata("F", run, "train", only, failed)
    judge, now = SqlFlowJudge(room.database), HandClock().now()
    assert await judge.fail_silent(now=now + 30, run_seconds=360, task_seconds=60) == 0, "a retry may follow"
    assert await judge.fail_silent(now=now + 100, run_seconds=360, task_seconds=60) == 1
    view = await room.pages.run("F", run)
    assert view is not None
    assert (view.run.state, view.run.error_message) == ("FAILED", f"task train/{only} failed and the client stopped")


async def test_a_silent_run_fails_unless_the_engine_still_has_it(room: Room) -> None:
    run, _ = await room.begin()
    judge = SqlFlowJudge(room.database)
    late = HandClock().now() + 1000
    assert await judge.fail_silent(now=late, run_seconds=360, task_seconds=60) == 1
    view = await room.pages.run("F", run)
    assert view is not None
    assert "no heartbeat" in view.run.error_message
