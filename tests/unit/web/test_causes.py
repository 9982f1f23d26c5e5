"""Failures by cause, and the drawing above the table of runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from penstock.interfaces.pages import TaskItem
from penstock.interfaces.run_tables import RunPoint
from penstock.web.lists.scatter import HEIGHT, WIDTH, scatter_of
from penstock.web.runs.causes import causes_of, fingerprint

FAILED = TaskItem(
    task_id="t0", run_id="r0", execution_id=1, parent_task_id=None, path="root/train", task_key="train", display_name="train", type="RUNTIME",
    component="comp-train", iteration_index=None, iteration_count=None, position=0, state="FAILED", reason="", created_at=1.0, started_at=1.0,
    finished_at=2.0, attempts=1, is_cached=False, cached_task_id=None, cache_fingerprint=None, cache_reason="", error=None, inputs={},
    outputs={}, detail={},
)  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("exit code 1: ValueError: 3 rows", "exit code 1: ValueError: 17 rows"),
        ("cannot read /data/a/b.csv", "cannot read /data/c/d/e.csv"),
        ("KeyError: 'alpha'", "KeyError: 'beta'"),
        ("task 6f9619ff-8b86-d011-b42d-00cf4fc964ff was lost", "task 00000000-8b86-d011-b42d-00cf4fc964ff was lost"),
    ],
)
def test_messages_that_differ_in_details_have_one_fingerprint(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other)


def test_other_failures_are_other_causes_and_the_most_frequent_comes_first() -> None:
    messages = ["ValueError: 1", "MemoryError", "ValueError: 2"]
    tasks = [
        replace(FAILED, task_id=f"t{number}", run_id=f"r{number}", finished_at=float(number), error={"message": message})
        for number, message in enumerate(messages)
    ]
    first, second = causes_of(tasks)
    assert (first.example, len(first.tasks), first.run_count) == ("ValueError: 2", 2, 2)
    assert second.example == "MemoryError"
    assert [(name, task.task_id) for name, task in first.named] == [("train", "t2")]
    assert causes_of([FAILED])[0].example == "no message"


def test_tasks_of_flows_are_called_by_their_step() -> None:
    of_flow = [
        replace(FAILED, task_id=f"LoadFlow/2/check/{number}", run_id="LoadFlow/2", path=f"root/check/{number}", display_name=str(number))
        for number in (21, 22)
    ]
    (cause,) = causes_of(of_flow)
    assert cause.names == ["check"]


def test_dots_lie_inside_the_drawing_and_longer_runs_lie_higher() -> None:
    points = [RunPoint(f"r{number}", "run", "SUCCEEDED", 100.0 + number, 10.0**number) for number in range(-3, 5)]
    drawn = scatter_of([*points, RunPoint("waiting", "run", "PENDING", 500.0, None)])
    assert drawn is not None
    assert len(drawn.dots) == len(points)
    assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in drawn.dots)
    heights = [dot.y for dot in drawn.dots]
    assert heights == sorted(heights, reverse=True)
    assert scatter_of(points[:1]) is None


def test_durations_between_two_round_numbers_have_a_line_of_their_own() -> None:
    drawn = scatter_of([RunPoint("a", "run", "SUCCEEDED", 100.0, 4.0), RunPoint("b", "run", "SUCCEEDED", 101.0, 4.84)])
    assert drawn is not None
    ((seconds, height),) = drawn.lines
    assert seconds == pytest.approx(4.4)
    assert drawn.dots[1].y < height < drawn.dots[0].y
