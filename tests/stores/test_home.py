"""What the start page names as needing attention: runs that failed, and those that do not get on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from penstock.domain.data_losses import DataLoss
from penstock.domain.ids import RunId, TrackedRunId
from penstock.domain.plan import RetryPolicy
from penstock.stores.sql.data_losses import losses_of, put_losses
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.testing.scripted_executor import WAIT, failing
from tests.support.engines import Engine
from tests.support.plans import flat, task


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    made = Engine(database)
    await made.start()
    yield made
    await made.stop()


async def stuck(engine: Engine) -> dict[str, str]:
    view = await SqlHomePages(engine.database).home(engine.clock.now())
    return {run.run_id: why for run, why in view.stuck}


async def test_a_run_of_which_nothing_runs_for_long_is_named_with_its_reason(engine: Engine) -> None:
    engine.executor.scripts["a"] = failing("exit code 1")
    await engine.submit(flat(task("a", retry=RetryPolicy(1, backoff_seconds=3000))), "run-1")
    await engine.settled()
    engine.clock.advance(590)
    assert await stuck(engine) == {}
    engine.clock.advance(20)
    assert "retry in" in (await stuck(engine))["run-1"]


async def test_a_long_task_is_not_stuck_and_a_paused_run_is_named_at_once(engine: Engine) -> None:
    engine.executor.scripts["a"] = WAIT
    await engine.submit(flat(task("a"), task("b", after=["a"])), "run-1")
    await engine.settled()
    engine.clock.advance(4000)
    assert await stuck(engine) == {}
    await engine.driver.pause(RunId("run-1"))
    assert list(await stuck(engine)) == ["run-1"]


async def test_data_that_went_missing_is_named_once_for_each_record(engine: Engine) -> None:
    await engine.submit(flat(task("a")), "run-1")
    await engine.settled()
    now = engine.clock.now()

    def lose(tx: Transaction) -> None:
        task_id = tx.all("SELECT task_id FROM task WHERE run_id = 'run-1' AND task_key = 'a'")[0]["task_id"]
        note = "INSERT INTO task_note (task_id, run_id, seq, attempt, at, kind, text) VALUES (?, 'run-1', ?, 0, ?, ?, 'its log was cut')"
        for seq, kind, at in ((900, "data_loss", now), (901, "warning", now), (902, "data_loss", now - 8 * 86400)):
            tx.execute(note, (task_id, seq, at, kind))
        tx.execute("INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (1, 'ann', 'digits', 1, 1)")
        tx.execute(
            "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at)"
            " VALUES (5, 1, 'r', 'first', 'finished', 1, 1, 1)"
        )
        put_losses(tx, TrackedRunId(5), [DataLoss("steps", "step 2 is over"), DataLoss("size", "too large")], now - 5)
        put_losses(tx, TrackedRunId(5), [DataLoss("steps", "step 3 is over")], now)

    engine.database.write_sync(lose)
    view = await SqlHomePages(engine.database).home(now + 1)
    assert [(item.run_id, item.run, item.detail) for item in view.losses] == [("run-1", "", "its log was cut"), ("", "r", "step 2 is over")]
    assert engine.database.read_sync(lambda tx: losses_of(tx, TrackedRunId(5))) == [DataLoss("size", "too large"), DataLoss("steps", "step 2 is over")]
    of_others = await SqlHomePages(engine.database).home(now + 1, namespace="bob")
    assert [item.run for item in of_others.losses if item.run] == []


async def test_a_tracked_run_that_somebody_stopped_needs_no_attention(engine: Engine) -> None:
    now = engine.clock.now()

    def log(tx: Transaction) -> None:
        tx.execute("INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (1, 'ann', 'digits', 1, 1)")
        sql = (
            "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, stop_requested, created_at, updated_at, heartbeat_at)"
            " VALUES (?, 1, ?, '', 'failed', ?, 1, 1, ?)"
        )
        for number, name, stop in ((5, "by itself", 0), (6, "stopped", 1)):
            tx.execute(sql, (number, name, stop, now))

    engine.database.write_sync(log)
    assert [run.name for run in (await SqlHomePages(engine.database).home(now + 1)).crashed] == ["by itself"]


async def test_tracked_runs_of_the_last_day_are_counted_by_state_for_who_may_see_them(engine: Engine) -> None:
    now = engine.clock.now()

    def store(tx: Transaction) -> None:
        for number, (entity, kind) in enumerate((("ann", "user"), ("bob", "user"), ("lab", "team")), 1):
            tx.execute("INSERT INTO tracked_entity (name, kind, created_at) VALUES (?, ?, 1)", (entity, kind))
            tx.execute(
                "INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (?, ?, 'p', 1, ?)", (number, entity, now)
            )
        runs = [
            (1, 1, "finished", now - 90_000, 0, None), (2, 1, "finished", now, 0, None), (3, 1, "running", now, 0, None),
            (4, 1, "running", now, 1, None), (5, 1, "running", now, 0, "task"), (6, 2, "failed", now, 0, None), (7, 3, "failed", now, 0, None),
        ]  # fmt: skip
        tx.many(
            "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at, is_automatic, task_id)"
            " VALUES (?, ?, ?, '', ?, ?, 1, 1, ?, ?)",
            [(number, project, f"r{number}", *rest) for number, project, *rest in runs],
        )

    engine.database.write_sync(store)
    pages = SqlHomePages(engine.database)
    assert (await pages.home(now + 1)).tracked_counts == {"finished": 1, "running": 1, "failed": 2}
    assert (await pages.home(now + 1, reader="ann")).tracked_counts == {"finished": 1, "running": 1, "failed": 1}
    assert (await pages.home(now + 1, namespace="lab")).tracked_counts == {"failed": 1}
