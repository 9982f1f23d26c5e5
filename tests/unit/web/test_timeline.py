"""Bars of the timeline: a task's own time only, split by what the executor measured."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from penstock.interfaces.pages import TaskItem
from penstock.web.graphs.timelines import Timeline, timeline, timeline_of


def item(path: str, *, created: float, started: float, finished: float | None, usage: dict[str, float]) -> TaskItem:
    detail: dict[str, Any] = {"usage": usage} if usage else {}
    return TaskItem(
        task_id=path, run_id="r", execution_id=1, parent_task_id=None, path=path, task_key="t", display_name=path.rpartition("/")[2],
        type="RUNTIME", component="c", iteration_index=None, iteration_count=None, position=0, state="SUCCEEDED", reason="",
        created_at=created, started_at=started, finished_at=finished, attempts=1, is_cached=False, cached_task_id=None,
        cache_fingerprint=None, cache_reason="", error=None, inputs={}, outputs={}, detail=detail,
    )  # fmt: skip


def test_the_time_a_task_waits_for_others_is_not_drawn() -> None:
    usage = {"queued_seconds": 5.0, "environment_seconds": 10.0, "run_seconds": 18.0, "upload_seconds": 2.0}
    (bar,) = timeline_of([item("root/late", created=0, started=75, finished=95, usage=usage)], 0, 100)
    assert (bar.start, bar.queue, bar.environment, bar.run, bar.upload) == pytest.approx((60, 5, 10, 18, 2))
    assert (bar.seconds, bar.running_seconds) == (20, 18), "from start to end as on all pages; its own code took less"


def test_without_measures_a_bar_spans_from_start_to_end_and_never_leaves_its_task() -> None:
    (plain,) = timeline_of([item("root/plain", created=0, started=50, finished=70, usage={})], 0, 100)
    assert (plain.start, plain.queue, plain.run, plain.seconds) == pytest.approx((50, 0, 20, 20))
    odd = {"queued_seconds": 500.0, "environment_seconds": 1.0}
    (bar,) = timeline_of([item("root/odd", created=40, started=50, finished=60, usage=odd)], 0, 100)
    assert (bar.start, bar.queue, bar.environment, bar.run) == pytest.approx((40, 20, 0, 0))


def test_a_task_that_was_tried_again_has_the_time_of_all_its_attempts() -> None:
    once = item("root/late", created=0, started=75, finished=95, usage={"run_seconds": 4.0})
    (bar,) = timeline_of([dataclasses.replace(once, attempts=2)], 0, 100)
    assert bar.seconds == bar.running_seconds == bar.run == 20


def test_tasks_in_loops_are_told_apart() -> None:
    (bar,) = timeline_of([item("root/for-loop-1[2]/for-loop-3[10]/train", created=0, started=1, finished=2, usage={})], 0, 2)
    assert bar.name == "train[2][10]"


TASKS = [
    item("root/a", created=0, started=0, finished=10, usage={}),
    item("root/loop[0]/b", created=0, started=10, finished=70, usage={}),
    item("root/loop[1]/b", created=0, started=20, finished=40, usage={}),
    item("root/c", created=0, started=70, finished=None, usage={}),
]


def names(found: Timeline) -> list[str]:
    return [row.bar.name if row.bar is not None else f"{row.count} of {row.name}" for row in found.rows]


def test_rows_stand_by_begin_duration_or_urgency() -> None:
    assert names(timeline(TASKS, 0, 100, {})) == ["a", "b[0]", "b[1]", "c"]
    assert names(timeline(TASKS, 0, 100, {"sort": "duration"})) == ["b[0]", "c", "b[1]", "a"]
    failing = [*TASKS[:3], dataclasses.replace(TASKS[3], state="FAILED")]
    assert names(timeline(failing, 0, 100, {"sort": "status"}))[0] == "c"
    assert timeline(TASKS, 0, 100, {"sort": "nonsense"}).sort == "start"


def test_tasks_of_a_step_stand_below_its_head() -> None:
    found = timeline(TASKS, 0, 100, {"group": "1"})
    assert names(found) == ["a", "2 of b", "b[0]", "b[1]", "c"]
    head = found.rows[1]
    assert (head.start, head.width, head.seconds) == pytest.approx((10, 60, 80))


def test_a_part_of_the_run_is_looked_at_and_what_lies_outside_is_counted() -> None:
    found = timeline(TASKS, 0, 100, {"from": "15", "to": "65"})
    assert names(found) == ["b[0]", "b[1]"]
    assert (found.begin, found.end, found.hidden, found.is_zoomed) == (15, 65, 2, True)
    bar = found.rows[1].bar
    assert bar is not None
    assert (bar.start, bar.run) == pytest.approx((10, 40))


def test_a_task_that_runs_reaches_to_now_whatever_part_is_looked_at() -> None:
    (row,) = timeline(TASKS, 0, 100, {"from": "71", "to": "80"}).rows
    assert row.bar is not None
    assert row.bar.seconds == 30


@pytest.mark.parametrize(("begin", "end"), [("9", "3"), ("nan", "inf"), ("-5", "1e9"), ("x", "")])
def test_a_part_that_is_none_is_the_whole_run(begin: str, end: str) -> None:
    found = timeline(TASKS, 0, 100, {"from": begin, "to": end})
    assert (found.begin, found.end, found.is_zoomed) == (0, 100, False)


def test_a_task_of_a_flow_is_named_by_its_step_and_not_by_a_long_id() -> None:
    number = dataclasses.replace(item("root/train/12", created=0, started=1, finished=2, usage={}), run_id="Flow/7")
    long = dataclasses.replace(number, path="root/train/b2777f57-a899-5f37-b9ee-69750eadbc41")
    assert [number.label, long.label] == ["train/12", "train/b2777f57"]
