"""Tasks of a flow's run: counted by step, narrowed, sorted and read by pages, on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.interfaces.page_flows import FlowTaskQuery
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.pages_flows import SqlFlowPages
from tests.support.databases import seeded_database

TASKS = (
    ("_parameters", "0", "SUCCEEDED", 0.0, 1.0, ""),
    ("start", "1", "SUCCEEDED", 0.0, 1.0, ""),
    ("work", "2", "SUCCEEDED", 1.0, 9.0, "letters=a"),
    ("work", "10", "FAILED", 1.0, 3.0, "letters=b"),
    ("work", "11", "RUNNING", 2.0, None, "letters=ä"),
    ("end", "12", "PENDING", None, None, ""),
)
"""Step, number, state, begin, end, foreach."""


def run(tx: Transaction) -> None:
    """Run 7 of flow F; task 10 was tried twice, task 12 not yet. Run 8 has a task of its own."""
    for number in (7, 8):
        tx.execute("INSERT INTO flow_run (run_number, flow_id, user_name, ts_epoch, tags) VALUES (?, 'F', 'ann', 0, '[]')", (number,))
        columns = "run_id, kind, name, pipeline_name, state, created_at, scheduled_at"
        tx.execute(f"INSERT INTO run ({columns}) VALUES (?, 'flow', ?, 'F', 'RUNNING', 0, 0)", (f"F/{number}", f"F/{number}"))
    for step, number, state, begin, end, foreach in (*TASKS, ("start", "20", "FAILED", 0.0, 1.0, "")):
        flow_run = 8 if number == "20" else 7
        tx.execute(
            "INSERT INTO flow_task (task_number, run_number, step_name, ts_epoch) VALUES (?, ?, ?, 0)", (int(number), flow_run, step)
        )
        task_id = f"F/{flow_run}/{step}/{number}"
        tx.execute(
            "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, state, created_at, started_at, finished_at)"
            " VALUES (?, ?, 0, ?, ?, ?, 'RUNTIME', ?, 0, ?, ?)",
            (task_id, f"F/{flow_run}", step, number, step, state, begin, end),
        )
        for attempt in range(0 if state == "PENDING" else 2 if number == "10" else 1):
            tx.execute(
                "INSERT INTO attempt (task_id, attempt, run_id, state, created_at) VALUES (?, ?, ?, ?, 0)", (task_id, attempt, f"F/{flow_run}", state)
            )
        if foreach:
            tx.execute(
                "INSERT INTO flow_metadata (run_number, step_name, task_number, field_name, value, type, ts_epoch) VALUES (?, ?, ?, 'foreach-stack', ?, '', 0)",
                (flow_run, step, int(number), f'["{foreach}"]'),
            )


@pytest.fixture(params=["sqlite", "postgresql"])
def pages(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlFlowPages]:
    """The pages over each kind of database."""
    with seeded_database(request.param, tmp_path, run) as database:
        database_of: Database = database
        yield SqlFlowPages(database_of)


async def test_a_run_says_how_the_tasks_of_its_steps_are_and_which_failed_first(pages: SqlFlowPages) -> None:
    view = await pages.run("F", "7")
    assert view is not None
    assert [(step.name, dict(step.states)) for step in view.steps] == [
        ("start", {"SUCCEEDED": 1}), ("work", {"SUCCEEDED": 1, "FAILED": 1, "RUNNING": 1}), ("end", {"PENDING": 1}),
    ]  # fmt: skip
    assert view.task_count == 5
    assert view.first_failure is not None
    assert (view.first_failure.task_id, view.first_failure.foreach, view.first_failure.newest_attempt) == ("10", "letters=b", 1)


async def test_tasks_are_narrowed_sorted_and_read_by_pages(pages: SqlFlowPages) -> None:
    async def found(query: FlowTaskQuery) -> list[str]:
        return [task.task_id for task in (await pages.tasks("F", "7", query)).items]

    assert await found(FlowTaskQuery()) == ["1", "2", "10", "11", "12"]
    assert await found(FlowTaskQuery(steps=["work"])) == ["2", "10", "11"]
    assert await found(FlowTaskQuery(steps=[])) == []
    assert await found(FlowTaskQuery(state="FAILED")) == ["10"]
    assert await found(FlowTaskQuery(task_id="11")) == ["11"]
    assert await found(FlowTaskQuery(has_begun=True, steps=["end", "start"])) == ["1"]
    assert await found(FlowTaskQuery(text="Letters=B")) == ["10"]
    assert await found(FlowTaskQuery(text="=ä")) == ["11"]
    assert await found(FlowTaskQuery(text="work/2")) == ["2"]
    assert await found(FlowTaskQuery(text="%")) == []
    assert await found(FlowTaskQuery(sort="task", is_descending=True)) == ["11", "10", "2", "1", "12"]
    assert await found(FlowTaskQuery(sort="duration", is_descending=True)) == ["2", "10", "1", "12", "11"]
    assert await found(FlowTaskQuery(sort="attempts", is_descending=True, limit=1)) == ["10"]
    assert (await found(FlowTaskQuery(sort="status")))[0] == "10"
    assert await found(FlowTaskQuery(sort="started")) == ["1", "12", "2", "10", "11"]
    assert await found(FlowTaskQuery(sort="other")) == await found(FlowTaskQuery())
    for offset, ids, total in ((0, ["1", "2"], 5), (4, ["12"], 5), (9, [], 5)):
        page = await pages.tasks("F", "7", FlowTaskQuery(limit=2, offset=offset))
        assert ([task.task_id for task in page.items], page.total) == (ids, total)
    assert (await pages.tasks("F", "9", FlowTaskQuery())).total == 0
