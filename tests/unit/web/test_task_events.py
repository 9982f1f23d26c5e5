"""What the tab Events tells: notes and moments of attempts in order, with their causes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from penstock.interfaces.pages import NoteItem
from penstock.web.pages.runs.tasks import events_of


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
