"""Bars of the timeline: a task's own time only, split by what the executor measured."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.interfaces.pages import TaskItem
from penstock.web.visualizations import timeline_of


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
    assert bar.seconds == 18


def test_without_measures_a_bar_spans_from_start_to_end_and_never_leaves_its_task() -> None:
    (plain,) = timeline_of([item("root/plain", created=0, started=50, finished=70, usage={})], 0, 100)
    assert (plain.start, plain.queue, plain.run, plain.seconds) == pytest.approx((50, 0, 20, 20))
    odd = {"queued_seconds": 500.0, "environment_seconds": 1.0}
    (bar,) = timeline_of([item("root/odd", created=40, started=50, finished=60, usage=odd)], 0, 100)
    assert (bar.start, bar.queue, bar.environment, bar.run) == pytest.approx((40, 20, 0, 0))


def test_tasks_in_loops_are_told_apart() -> None:
    (bar,) = timeline_of([item("root/for-loop-1[2]/for-loop-3[10]/train", created=0, started=1, finished=2, usage={})], 0, 2)
    assert bar.name == "train[2][10]"
