"""The table of a flow's tasks: its filters, its orders, its pages."""

from __future__ import annotations

from penstock.interfaces.page_flows import FlowTaskItem
from penstock.web.flows.task_table import PAGE, task_table


def task(step: str, number: str, state: str, *, start: float, end: float, foreach: str = "") -> FlowTaskItem:
    return FlowTaskItem(step, number, state, start, start, end, "", foreach, "")


TASKS = [
    task("start", "1", "SUCCEEDED", start=0.0, end=1.0),
    task("work", "2", "SUCCEEDED", start=1.0, end=9.0, foreach="letters=a"),
    task("work", "10", "FAILED", start=1.0, end=3.0, foreach="letters=b"),
]


def ids(**wanted: str) -> list[str]:
    step = wanted.pop("step", "")
    return [item.task_id for item in task_table(TASKS, step, wanted).rows]


def test_tasks_are_narrowed_by_step_state_and_words() -> None:
    assert ids() == ["1", "2", "10"]
    assert ids(step="work") == ["2", "10"]
    assert ids(state="failed") == ["10"]
    assert ids(q="Letters=B") == ["10"]
    assert ids(q="work/2") == ["2"]
    assert ids(state="nothing") == ["1", "2", "10"]
    assert task_table(TASKS, "work", {}).states == [("FAILED", 1), ("SUCCEEDED", 1)]


def test_tasks_are_sorted_as_asked() -> None:
    assert ids(sort="-duration") == ["2", "10", "1"]
    assert ids(sort="task") == ["1", "2", "10"]
    assert ids(sort="-task") == ["10", "2", "1"]
    assert ids(sort="other") == ["1", "2", "10"]


def test_many_tasks_come_by_pages() -> None:
    many = [task("work", str(number), "SUCCEEDED", start=0.0, end=1.0) for number in range(2 * PAGE + 1)]
    first, last = task_table(many, "", {}), task_table(many, "", {"offset": str(2 * PAGE)})
    assert (len(first.rows), first.found, first.next_offset) == (PAGE, 2 * PAGE + 1, PAGE)
    assert ([item.task_id for item in last.rows], last.next_offset) == ([str(2 * PAGE)], None)
    assert task_table(many, "", {"offset": "99999999"}).offset == 0
