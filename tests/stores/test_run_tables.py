"""Groups, points, completion and views of the table of runs: the same answers from SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.pages import Condition, ListQuery
from penstock.interfaces.run_tables import SavedView, Span
from penstock.stores.sql import page_filters, pages_runs
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.stores.sql.pages_run_tables import SqlRunTables
from penstock.stores.sql.pages_runs import SqlRunPages
from penstock.stores.sql.saved_views import SqlSavedViews


def add_run(tx: Transaction, number: int) -> None:
    run_id, state = f"r{number:02d}", "FAILED" if number % 4 == 0 else "SUCCEEDED"
    tags = '{"team":"a b"}' if number % 2 else "{}"
    tx.execute(
        "INSERT INTO run (run_id, kind, name, pipeline_name, state, created_at, scheduled_at, started_at, finished_at, tags) "
        "VALUES (?, 'kfp', ?, ?, ?, ?, ?, ?, ?, ?)",
        (run_id, f"run {number}", f"pipe-{number % 3}", state, number, number, number, number + 2 * number if number < 9 else None, tags),
    )
    tx.execute("INSERT INTO run_parameter (run_id, name, number, text) VALUES (?, 'rate', ?, ?)", (run_id, number / 10, str(number / 10)))
    for task, value in (("t1", number), ("t2", number + 0.5)):
        tx.execute("INSERT INTO run_metric (run_id, task_id, name, number) VALUES (?, ?, 'score', ?)", (run_id, task, value))


@pytest.fixture
async def database(database: Database) -> Database:
    await database.write(lambda tx: [add_run(tx, number) for number in range(12)])
    return database


async def test_groups_count_states_and_spread_durations_and_columns(database: Database) -> None:
    found = await SqlRunTables(database).groups(ListQuery(), "pipeline", ["score", "rate"])
    assert found.is_complete
    assert [(group.value, group.count, group.newest_at) for group in found.groups] == [("pipe-2", 4, 11.0), ("pipe-1", 4, 10.0), ("pipe-0", 4, 9.0)]
    last = found.groups[2]
    assert last.states == {"FAILED": 1, "SUCCEEDED": 3}
    assert last.duration == Span(3, 0.0, 6.0, 12.0)
    assert last.columns["score"].maximum == 9.5
    assert last.columns["rate"] == Span(4, 0.0, pytest.approx(0.45), 0.9)


async def test_executions_that_match_lead_to_their_runs_each_once(database: Database) -> None:
    def add(tx: Transaction, run: str, task: str, state: str) -> None:
        tx.execute(
            "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, component, position, state, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, 'RUNTIME', 'comp', 0, ?, 1)",
            (task, run, int(task[1:]), task, task, task, state),
        )

    tasks = (("r03", "t1", "FAILED"), ("r03", "t2", "FAILED"), ("r05", "t3", "FAILED"), ("r06", "t4", "SUCCEEDED"))
    await database.write(lambda tx: [add(tx, *task) for task in tasks])
    query = ListQuery(conditions=(Condition("status", ":", "failed"),), limit=1)
    assert await SqlRunTables(database).task_runs(query, limit=100) == ["r05", "r03"]
    assert await SqlRunTables(database).task_runs(query, limit=1) == ["r05"]


async def test_a_word_finds_executions_by_their_own_name_their_run_and_its_pipeline(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await database.write(lambda tx: [add_execution(tx, number) for number in range(8)])
    await database.write(lambda tx: tx.execute("UPDATE task SET display_name = 'train Run 7 again' WHERE task_id = 'task-1'"))
    pages = SqlRunPages(database)

    async def found(*words: str, **conditions: str) -> set[int]:
        asked = tuple(Condition(field, ":", value) for field, value in conditions.items())
        return {int(item.task_id[-1]) for item in (await pages.list_tasks(ListQuery(words=words, conditions=asked))).items}

    for few in (500, 0):  # looked up one by one, or read in order
        monkeypatch.setattr(page_filters, "FEW", few)
        assert await found("run 7") == {1, 7}
        assert await found("TRAIN", "run 7") == {1}
        assert await found("pipe-1") == {1, 4, 7}
        assert await found("task-3") == {3}
        assert await found("unheard") == set()
        assert await found(run="run 7") == {7}
        assert await found(pipeline="PIPE-2") == {2, 5}


async def test_executions_are_counted_so_far_as_their_runs_have_to_be_looked_at(database: Database) -> None:
    def add(tx: Transaction) -> None:
        rows = [(f"many-{number}", "r00", number, "SUCCEEDED", float(number)) for number in range(1200)]
        tx.many(
            "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, position, state, created_at) "
            "VALUES (?, ?, ?, 'p', 'k', 'many', 'RUNTIME', 0, ?, ?)",
            rows,
        )

    await database.write(add)
    pages = SqlRunPages(database)
    by_state = await pages.list_tasks(ListQuery(conditions=(Condition("status", ":", "ok"),)))
    assert (by_state.total, by_state.is_total_exact) == (1200, True)
    by_run = await pages.list_tasks(ListQuery(conditions=(Condition("run", ":", "run 0"),)))
    assert (by_run.total, by_run.is_total_exact) == (1000, False)


def add_execution(tx: Transaction, number: int) -> None:
    """An execution of `comp-a` or `comp-b`, every third one failed, two pieces of code, two machines; the last one waits."""
    has_run = number < 7
    tx.execute(
        "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, component, position, state, created_at, "
        "started_at, finished_at, is_cached, worker, code_digest) VALUES (?, ?, ?, 'root/t', 't', 't', 'RUNTIME', ?, 0, ?, ?, ?, ?, ?, ?, ?)",
        (
            f"task-{number}", f"r{number:02d}", number, "comp-b" if number % 2 else "comp-a",
            ("FAILED" if number % 3 == 0 else "SUCCEEDED") if has_run else "PENDING", number, number if has_run else None,
            3 * number if has_run else None, int(number == 4), ("left", "right")[number % 2] if has_run else "", "abc1" if number < 4 else "abd2",
        ),
    )  # fmt: skip


async def test_executions_are_grouped_with_counts_states_and_durations(database: Database) -> None:
    await database.write(lambda tx: [add_execution(tx, number) for number in range(8)])
    tables = SqlRunTables(database)
    found = await tables.task_groups(ListQuery(), "component")
    assert found.is_complete
    assert [(group.value, group.count, group.newest_at) for group in found.groups] == [("comp-b", 4, 7.0), ("comp-a", 4, 6.0)]
    assert found.groups[1].states == {"FAILED": 2, "SUCCEEDED": 2}
    assert found.groups[1].duration == Span(4, 0.0, 6.0, 12.0)
    assert found.groups[0].states == {"FAILED": 1, "PENDING": 1, "SUCCEEDED": 2}
    for by, counts in {
        "worker": {"left": 4, "right": 3, None: 1},
        "code": {"abc1": 4, "abd2": 4},
        "state": {"FAILED": 3, "SUCCEEDED": 4, "PENDING": 1},
        "cached": {"no": 7, "yes": 1},
        "pipeline": {"pipe-0": 3, "pipe-1": 3, "pipe-2": 2},
    }.items():
        assert {group.value: group.count for group in (await tables.task_groups(ListQuery(), by)).groups} == counts, by
    right = ListQuery(conditions=(Condition("worker", "=", "right"), Condition("code", ":", "ABC")))
    assert [(group.value, group.count) for group in (await tables.task_groups(right, "code")).groups] == [("abc1", 2)]
    assert [item.task_id for item in (await SqlRunPages(database).list_tasks(right)).items] == ["task-3", "task-1"]
    assert await tables.values("worker", "IGH", limit=5) == ["right"]
    assert set(await tables.values("code", "ab", limit=5)) == {"abc1", "abd2"}
    with pytest.raises(InvalidArgumentError, match="no column of executions"):
        await tables.task_groups(ListQuery(), "inputs; DROP TABLE run")


@pytest.mark.parametrize(("by", "values"), [("tag.team", {"a b", None}), ('tag.x"y', {None}), ("tag.') OR 1=1 --", {None}), ("nobody", {None})])
async def test_tags_and_parameters_group_by_their_values_whatever_their_names(database: Database, by: str, values: set[str | None]) -> None:
    found = await SqlRunTables(database).groups(ListQuery(), by, [])
    assert {group.value for group in found.groups} == values


async def test_a_parameter_groups_and_the_filter_holds(database: Database) -> None:
    query = ListQuery(conditions=(Condition("status", ":", "failed"),))
    found = await SqlRunTables(database).groups(query, "rate", [])
    assert sorted(group.value or "" for group in found.groups) == ["0.0", "0.4", "0.8"]
    with pytest.raises(InvalidArgumentError):
        await SqlRunTables(database).groups(query, "", [])


async def test_points_and_ids_are_the_newest_that_match(database: Database) -> None:
    tables = SqlRunTables(database)
    query = ListQuery(words=("run 1",))
    assert await tables.ids(query, limit=2) == ["r11", "r10"]
    points = await tables.points(query)
    assert [(point.run_id, point.duration_seconds) for point in points] == [("r11", None), ("r10", None), ("r01", 2.0)]


async def test_values_contain_what_was_typed(database: Database) -> None:
    tables = SqlRunTables(database)
    assert set(await tables.values("name", "N 1", limit=9)) == {"run 1", "run 10", "run 11"}
    assert await tables.values("tag", "team=a", limit=9) == ["team=a b"]
    assert await tables.values("pipeline", "%", limit=9) == []
    assert await tables.values("duration", "", limit=9) == ()


async def test_a_list_sorts_by_a_metric_and_shows_each_run_once(database: Database) -> None:
    pages = SqlRunPages(database)
    first = await pages.list_runs(ListQuery(sort="metric.score", limit=7))
    second = await pages.list_runs(ListQuery(sort="metric.score", limit=7, cursor=first.next_cursor))
    assert [run.run_id for run in (*first.items, *second.items)] == [f"r{number:02d}" for number in reversed(range(12))]
    lowest = await pages.list_runs(ListQuery(sort="param.rate", is_descending=False, limit=3))
    assert [run.run_id for run in lowest.items] == ["r00", "r01", "r02"]
    assert (await pages.list_runs(ListQuery(sort="metric.nobody"))).items == []


async def test_views_are_replaced_by_name_and_removed(database: Database) -> None:
    views = SqlSavedViews(database)
    for query in ("q=a", "q=b"):
        await views.save(SavedView(0, "runs", "mine", query, "ann", 1.0))
    await views.save(SavedView(0, "executions", "mine", "q=c", "ann", 1.0))
    (view,) = await views.list("runs")
    assert (view.name, view.query, view.user_name) == ("mine", "q=b", "ann")
    await views.delete(view.view_id)
    await views.delete(view.view_id)
    assert await views.list("runs") == []
    assert len(await views.list("executions")) == 1


async def test_what_was_added_last_mixes_all_kinds_newest_first(database: Database) -> None:
    await database.write(
        lambda tx: tx.execute(
            "INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (1, 'me', 'digits', 1.0, 10.5)"
        )
    )
    latest = (await SqlHomePages(database).home(12.0)).latest
    assert [(hit.kind, hit.at) for hit in latest[:3]] == [("run", 11.0), ("project", 10.5), ("run", 10.0)]
    assert latest[1].object_id == "me/digits"


async def test_home_has_the_runs_that_clients_made_and_leaves_out_those_of_tasks(database: Database) -> None:
    def fill(tx: Transaction) -> None:
        tx.execute("INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (1, 'me', 'digits', 1.0, 11.0)")
        for number, (name, state, task, automatic) in enumerate(
            [("ok", "finished", None, 0), ("lost", "crashed", None, 0), ("live", "running", None, 0), ("of a task", "failed", "t", 0),
             ("made by the server", "failed", None, 1)]
        ):  # fmt: skip
            tx.execute(
                "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at, finished_at,"
                " task_id, is_automatic) VALUES (?, 1, ?, ?, ?, ?, 1.0, ?, ?, ?, ?)",
                (number, name, name, state, 5.0 + number, 6.0 + number, 7.5 if state == "finished" else None, task, automatic),
            )

    await database.write(fill)
    view = await SqlHomePages(database).home(12.0)
    assert [(run.name, run.ended_at) for run in view.tracked] == [("live", None), ("lost", 7.0), ("ok", 7.5)]
    assert [(run.entity, run.project, run.name) for run in view.crashed] == [("me", "digits", "lost")]


async def test_tables_are_counted_once_however_often_the_sizes_are_asked(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    pages, asked = SqlHomePages(database), []
    read = database.read

    async def counted(work: Any) -> Any:
        asked.append(work)
        return await read(work)

    monkeypatch.setattr(database, "read", counted)
    first = await pages.sizes()
    assert {table.name: table.rows for table in first[0]}["run"] == 12
    assert first[1] > 0
    assert await pages.sizes() == first
    assert len(asked) == 1


def add_task(tx: Transaction, number: int, run_id: str, *, seconds: float, cached_from: str | None = None) -> None:
    tx.execute(
        "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, component, position, state, created_at, "
        "started_at, finished_at, is_cached, cached_task_id) "
        "VALUES (?, ?, ?, ?, ?, ?, 'RUNTIME', 'comp', ?, 'SUCCEEDED', 0, ?, ?, ?, ?)",
        (f"t{number}", run_id, number, f"root/t{number}", f"t{number}", f"t{number}", number, number, number + seconds, int(cached_from is not None), cached_from),
    )


def add_attempt(tx: Transaction, task_id: str, run_id: str, attempt: int, environment: str) -> None:
    tx.execute(
        "INSERT INTO attempt (task_id, attempt, run_id, state, created_at, detail) VALUES (?, ?, ?, 'SUCCEEDED', 0, ?)",
        (task_id, attempt, run_id, f'{{"environment_id": "{environment}"}}'),
    )


async def test_tasks_and_environments_of_several_runs_come_in_one_answer_each(database: Database) -> None:
    def fill(tx: Transaction) -> None:
        for number, run_id, seconds in ((1, "r01", 5), (2, "r01", 9), (3, "r01", 1), (4, "r02", 2), (6, "r03", 3)):
            add_task(tx, number, run_id, seconds=seconds)
            add_attempt(tx, f"t{number}", run_id, 0, f"old{number}")
        add_task(tx, 5, "r02", seconds=0, cached_from="t1")
        add_attempt(tx, "t1", "r01", 1, "new1")

    await database.write(fill)
    pages = SqlRunPages(database)
    assert [task.task_id for task in await pages.timelines(["r01", "r02"])] == ["t1", "t2", "t3", "t4", "t5"]
    assert [task.task_id for task in await pages.timelines(["r01", "r02"], limit=2)] == ["t1", "t2", "t4", "t5"]
    recorded = await pages.environments(["r01", "r02"])
    assert {task_id: detail["environment_id"] for task_id, detail in recorded.items()} == {
        "t1": "new1", "t2": "old2", "t3": "old3", "t4": "old4", "t5": "new1",
    }  # fmt: skip
    assert set(await pages.environments(["r01"], limit=1)) == {"t2"}
    assert await pages.timelines([]) == []
    assert await pages.specs(["sha256:none"]) == {}


@pytest.mark.parametrize(
    ("chip", "zone", "runs"),
    [
        ("2026-11-20", "UTC", {2, 3}),
        ("2026-11-20", "Asia/Seoul", {1, 2}),
        ("2026-11-20..", "Asia/Seoul", {1, 2, 3, 4}),
        ("..2026-11-20", "America/Los_Angeles", {0, 1, 2, 3, 4}),
        ("2026-11-20..2026-11-21", "UTC", {2, 3, 4}),
        ("2026-11", "UTC", {0, 1, 2, 3, 4}),
        ("soon", "UTC", set()),
    ],
)
async def test_dates_of_a_filter_are_days_of_its_time_zone(database: Database, chip: str, zone: str, runs: set[int]) -> None:
    moments = ["2026-11-19T12:00Z", "2026-11-19T15:30Z", "2026-11-20T00:00Z", "2026-11-20T16:00Z", "2026-11-21T01:00Z"]
    times = [datetime.fromisoformat(text).timestamp() for text in moments]
    await database.write(lambda tx: [tx.execute("UPDATE run SET created_at = ? WHERE run_id = ?", (at, f"r{n:02d}")) for n, at in enumerate(times)])
    asked = ListQuery(conditions=(Condition("started", ":", chip), Condition("started", ">", "2001-09-09")), zone=zone, limit=100)
    assert {int(run.run_id[1:]) for run in (await SqlRunPages(database).list_runs(asked)).items} == runs
    unequal = ListQuery(conditions=(Condition("started", "!=", chip), Condition("started", ">", "2001-09-09")), zone=zone, limit=100)
    found = {int(run.run_id[1:]) for run in (await SqlRunPages(database).list_runs(unequal)).items}
    assert found == ({0, 1, 2, 3, 4} - runs if runs else set())


async def test_the_last_good_run_before_a_failed_one_is_of_its_pipeline(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = SqlRunPages(database)
    good = await pages.last_good(["r08", "r04", "r00", "nowhere"])
    assert {run_id: run.run_id for run_id, run in good.items()} == {"r08": "r05", "r04": "r01"}
    await database.write(lambda tx: tx.execute("UPDATE run SET storage_state = 'TRASHED' WHERE run_id = 'r05'"))
    assert (await pages.last_good(["r08"]))["r08"].run_id == "r02"
    monkeypatch.setattr(pages_runs, "LOOKED_BACK", 1)
    assert await pages.last_good(["r08"]) == {}
    assert await pages.last_good([]) == {}


async def test_a_pipeline_is_called_what_people_called_it_in_lists_filters_orders_and_groups(database: Database) -> None:
    def rename(tx: Transaction) -> None:
        for identity, title in (("p-0", "Forecast"), ("p-1", "pipe-1")):
            tx.execute(
                "INSERT INTO pipeline (pipeline_id, name, display_name, tags, created_at) VALUES (?, ?, ?, '{}', 1)", (identity, title.lower(), title)
            )
            tx.execute("UPDATE run SET pipeline_id = ? WHERE pipeline_name = ?", (identity, f"pipe-{identity[-1]}"))
        add_execution(tx, 3)
        add_execution(tx, 4)

    await database.write(rename)
    pages, tables = SqlRunPages(database), SqlRunTables(database)

    async def titles(operator: str, value: str) -> set[str]:
        query = ListQuery(conditions=(Condition("pipeline", operator, value),), limit=100)
        return {run.pipeline_title for run in (await pages.list_runs(query)).items}

    assert await titles("=", "Forecast") == {"Forecast"}
    assert await titles("=", "pipe-0") == set()
    assert await titles("!=", "Forecast") == {"pipe-1", "pipe-2"}
    assert await titles(":", "forec") == {"Forecast"}
    assert await titles(":", "pipe-") == {"Forecast", "pipe-1", "pipe-2"}
    first = (await pages.list_runs(ListQuery(sort="pipeline", is_descending=False, limit=1))).items[0]
    assert (first.pipeline_title, first.pipeline_name) == ("Forecast", "pipe-0")
    groups = (await tables.groups(ListQuery(), "pipeline", [])).groups
    assert {(group.value, group.count) for group in groups} == {("Forecast", 4), ("pipe-1", 4), ("pipe-2", 4)}
    task = (await pages.list_tasks(ListQuery(conditions=(Condition("pipeline", "=", "Forecast"),)))).items
    assert [one.pipeline_name for one in task] == ["Forecast"]
    assert [group.value for group in (await tables.task_groups(ListQuery(), "pipeline")).groups] == ["pipe-1", "Forecast"]
    assert await tables.values("pipeline", "fore", limit=5) == ["Forecast"]
