"""What counts against budgets, on SQLite and PostgreSQL, and that passing one is told once."""

from __future__ import annotations

import datetime as dt

import pytest

from penstock.budgets.service import BudgetService
from penstock.domain.budgets import BudgetScope
from penstock.domain.errors import InvalidArgumentError
from penstock.stores.sql.budgets import SqlBudgetStore
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.pages_home import SqlHomePages
from tests.support.tracking import HandClock

NOON = dt.datetime(2026, 5, 5, 12, tzinfo=dt.UTC).timestamp()
HOUR = 3600.0


@pytest.fixture
def database(database: Database) -> Database:
    database.write_sync(seed)
    return database


def seed(tx: Transaction) -> None:
    """A pipeline with attempts of yesterday and today and another pipeline's run; a project with runs, a file and contents."""
    tx.execute("INSERT INTO pipeline (pipeline_id, name, display_name, created_at) VALUES ('p', 'p', 'Nightly', 1)")
    tx.execute("INSERT INTO pipeline (pipeline_id, name, display_name, created_at) VALUES ('other', 'other', 'Other', 1)")
    tx.execute("INSERT INTO spec (digest, kind, name, content, created_at) VALUES ('sha256:1', 'kfp', 'x', '{}', 1)")
    for version, pipeline in (("v1", "p"), ("v2", "other")):
        tx.execute(
            "INSERT INTO pipeline_version (pipeline_version_id, pipeline_id, name, display_name, spec_digest, created_at)"
            " VALUES (?, ?, ?, ?, 'sha256:1', 1)",
            (version, pipeline, version, version),
        )
    for run, version, ended in (("r1", "v1", None), ("r2", "v2", NOON), ("r3", "v1", NOON - 40 * HOUR)):
        tx.execute(
            "INSERT INTO run (run_id, kind, name, pipeline_version_id, state, created_at, scheduled_at, finished_at)"
            " VALUES (?, 'kfp', ?, ?, 'RUNNING', 1, 1, ?)",
            (run, run, version, ended),
        )
        tx.execute(
            "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, state, created_at)"
            " VALUES (?, ?, ?, 'a', 'a', 'a', 'RUNTIME', 'RUNNING', 1)",
            (f"t-{run}", run, int(run[1])),
        )
    attempts = [
        ("t-r1", 0, "r1", NOON - 14 * HOUR, NOON - 11 * HOUR), ("t-r1", 1, "r1", NOON - HOUR, None), ("t-r2", 0, "r2", NOON - 9 * HOUR, NOON),
        ("t-r3", 0, "r3", NOON - 44 * HOUR, NOON - 40 * HOUR),
    ]  # fmt: skip
    tx.many("INSERT INTO attempt (task_id, attempt, run_id, state, created_at, started_at, finished_at) VALUES (?, ?, ?, 'x', 1, ?, ?)", attempts)
    artifacts = [(1, "r1", "sha256:a", 100, 1.0), (2, "r1", "sha256:a", 100, NOON), (3, "r1", "sha256:b", 7, NOON), (4, "r2", "sha256:c", 9, NOON)]
    tx.many(
        "INSERT INTO artifact (artifact_id, run_id, task_id, name, type, uri, digest, size_bytes, created_at)"
        " VALUES (?, ?, ?, 'x', 'system.Model', 'u', ?, ?, ?)",
        [(number, run, f"t-{run}", digest, size, at) for number, run, digest, size, at in artifacts],
    )
    tx.execute("INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (1, 'ann', 'digits', 1, 1)")
    runs = [(1, "finished", NOON - 2 * HOUR, NOON - HOUR, 0.0), (2, "running", NOON - HOUR, None, NOON), (3, "crashed", NOON - 15 * HOUR, None, NOON - 11 * HOUR)]
    tx.many(
        "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, finished_at, heartbeat_at, updated_at)"
        " VALUES (?, 1, ?, 'x', ?, ?, ?, ?, 1)",
        [(number, f"r{number}", state, began, ended, beat) for number, state, began, ended, beat in runs],
    )
    tx.execute("INSERT INTO tracked_file (file_id, run_id, name, digest, size_bytes, updated_at) VALUES (1, 1, 'f', 'sha256:f', 50, ?)", (NOON,))
    tx.execute("INSERT INTO project_content (project_id, md5, blob_digest, size_bytes, birth_version_id) VALUES (1, 'm', 'sha256:f', 50, 9)")
    tx.execute("INSERT INTO project_content (project_id, md5, blob_digest, size_bytes, birth_version_id) VALUES (1, 'n', 'sha256:g', 5, 9)")


def service(database: Database, now: float = NOON) -> tuple[BudgetService, HandClock]:
    clock = HandClock(now)
    return BudgetService(SqlBudgetStore(database), clock, dt.UTC), clock


async def allow(budgets: BudgetService, scope: BudgetScope, scope_id: str, hours: float | None, size_bytes: int | None, period: str = "day") -> None:
    await budgets.set(scope, scope_id, hours=hours, period=period, size_bytes=size_bytes, user_name="ann")


@pytest.mark.parametrize(
    ("scope", "scope_id", "hours", "stored"), [(BudgetScope.PIPELINE, "p", 2.0, 107), (BudgetScope.PROJECT, "1", 3.0, 55)]
)
async def test_hours_are_clipped_to_the_period_and_shared_contents_count_once(
    database: Database, scope: BudgetScope, scope_id: str, hours: float, stored: int
) -> None:
    budgets, _ = service(database)
    await allow(budgets, scope, scope_id, 10, 1000)
    view = await budgets.of(scope, scope_id)
    assert view is not None
    assert [(reading.measure, round(reading.used, 6)) for reading in view.readings] == [("hours", hours), ("bytes", stored)]


async def test_bytes_that_came_in_lately_are_their_pace(database: Database) -> None:
    budgets, _ = service(database)
    await allow(budgets, BudgetScope.PIPELINE, "p", None, 120)
    view = await budgets.of(BudgetScope.PIPELINE, "p")
    assert view is not None
    (reading,) = view.readings
    assert (reading.expected, reading.state) == (107 + 7 * 30 / 7, "ahead")


async def test_a_budget_that_is_passed_is_told_once_in_its_period(database: Database) -> None:
    budgets, clock = service(database)
    await allow(budgets, BudgetScope.PIPELINE, "p", 1, None)
    await allow(budgets, BudgetScope.PROJECT, "1", 100, 10)
    for _ in range(2):
        assert await budgets.look() == clock.now() + 300
        clock.time += (61)
    news = await SqlHomePages(database).news(NOON - 1)
    assert {(item.kind, item.title, item.object_id, item.entity) for item in news} == {
        ("pipeline_budget", "Nightly", "p", ""), ("project_budget", "digits", "ann/digits", "ann"),
    }  # fmt: skip
    clock.time += (24 * HOUR)
    await budgets.look()
    assert [item.kind for item in await SqlHomePages(database).news(NOON + HOUR)] == ["pipeline_budget"], "the next day is told anew, bytes are not"


async def test_a_new_limit_is_told_anew_and_none_is_no_budget(database: Database) -> None:
    budgets, _ = service(database)
    await allow(budgets, BudgetScope.PIPELINE, "p", 1, None)
    await budgets.look()
    await allow(budgets, BudgetScope.PIPELINE, "p", 50, None)
    await budgets.look()
    assert await SqlHomePages(database).news(0.0) == []
    await allow(budgets, BudgetScope.PIPELINE, "p", None, None)
    assert await budgets.of(BudgetScope.PIPELINE, "p") is None


async def test_budgets_of_what_is_gone_are_not_listed(database: Database) -> None:
    budgets, _ = service(database)
    await allow(budgets, BudgetScope.PIPELINE, "gone", 1, None)
    await allow(budgets, BudgetScope.PROJECT, "1", 1, None)
    assert [view.named.name for view in await budgets.all()] == ["digits"]


@pytest.mark.parametrize(("hours", "size", "period"), [(0, None, "day"), (float("nan"), None, "day"), (None, -1, "day"), (1, None, "year")])
async def test_senseless_limits_are_refused(database: Database, hours: float | None, size: int | None, period: str) -> None:
    budgets, _ = service(database)
    with pytest.raises(InvalidArgumentError):
        await allow(budgets, BudgetScope.PIPELINE, "p", hours, size, period)
    assert await budgets.all() == []
