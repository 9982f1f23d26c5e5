"""What the start page names as needing attention: runs that failed, and those that do not get on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.domain.ids import RunId
from penstock.domain.plan import RetryPolicy
from penstock.stores.sql.database import open_database
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.testing.scripted_executor import WAIT, failing
from tests.support.engines import Engine
from tests.support.plans import flat, task
from tests.support.postgres import fresh_postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    url = f"sqlite:///{tmp_path / 'penstock.db'}" if request.param == "sqlite" else fresh_postgres_url()
    if url is None:
        pytest.skip("PostgreSQL is not installed")
    database = open_database(url, synchronous="NORMAL")
    made = Engine(database)
    await made.start()
    yield made
    await made.stop()
    database.close()


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
