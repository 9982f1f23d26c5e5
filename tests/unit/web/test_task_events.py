"""What the tab Events tells: notes and moments of attempts in order, with their causes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from penstock.interfaces.pages import NoteItem
from penstock.web.pages.runs.tasks import events_of, moments_of
from tests.unit.web.test_causes import FAILED


def _attempt(number: int, **fields: Any) -> SimpleNamespace:
    given = {"created_at": None, "started_at": None, "finished_at": None, "state": "RUNNING", "detail": {}, "error": None}
    return SimpleNamespace(attempt=number, **{**given, **fields})


def test_a_retry_follows_the_failure_that_it_is_for_and_failures_have_their_cause() -> None:
    failed = _attempt(
        0, created_at=1.0, started_at=2.0, finished_at=3.0001, state="FAILED", detail={"pid": 42},
        error={"message": "exit code 1: ValueError: no; last lines of the log:\nValueError: no"},
    )  # fmt: skip
    again = _attempt(1, created_at=4.0)
    notes = [NoteItem(0, 0, 1.5, "environment", "reused"), NoteItem(1, 0, 3.0, "retry", "attempt 1 failed; retry 1 in 1 s")]
    view: Any = SimpleNamespace(notes=notes, attempts=[failed, again])
    assert [(event.kind, event.cause) for event in events_of(view)] == [
        ("queued", ""),
        ("environment", ""),
        ("started", "pid 42"),
        ("failed", "exit code 1: ValueError: no"),
        ("retry", ""),
        ("queued", ""),
    ]


def test_a_task_that_nothing_happened_to_has_no_events() -> None:
    view: Any = SimpleNamespace(notes=[], attempts=[])
    assert events_of(view) == []


def test_what_had_no_attempt_says_what_became_of_it() -> None:
    group = replace(FAILED, type="LOOP", state="SUCCEEDED", attempts=0)
    assert [(event.at, event.kind, event.text) for event in moments_of(group)] == [(1.0, "started", "Started"), (2.0, "finished", "Succeeded")]
    reused = replace(FAILED, state="CACHED", is_cached=True, reason="reused from run one", attempts=0)
    assert [(event.at, event.kind, event.cause) for event in moments_of(reused)] == [(2.0, "cached", "reused from run one")]
    left_out = replace(FAILED, state="SKIPPED", started_at=None, reason="its condition is false", attempts=0)
    assert [(event.kind, event.text, event.cause) for event in moments_of(left_out)] == [("note", "Skipped", "its condition is false")]
    broken = replace(FAILED, type="DAG", error={"message": "another task of the graph failed"}, attempts=0)
    assert [(event.kind, event.cause) for event in moments_of(broken)] == [("started", ""), ("failed", "another task of the graph failed")]
    assert not list(moments_of(replace(FAILED, state="PENDING", started_at=None, finished_at=None)))
