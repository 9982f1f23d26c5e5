"""Attempts of a run from the history of its states."""

from __future__ import annotations

from typing import Any, cast

from penstock.interfaces.pages import RunItem, TaskTry
from penstock.web.runs.attempts import run_attempts


class Run:
    """As far as attempts are told from it."""

    def __init__(self, *states: tuple[str, float]) -> None:
        self.state_history: list[dict[str, Any]] = [{"state": state, "at": at} for state, at in states]


def attempts(*states: tuple[str, float], tries: tuple[TaskTry, ...] = ()) -> list[tuple[int, str, float, float | None, int]]:
    found = run_attempts(cast("RunItem", Run(*states)), tries)
    return [(one.number, one.state, one.started_at, one.finished_at, len(one.tries)) for one in found]


def test_a_run_without_a_history_has_none() -> None:
    assert attempts() == []


def test_a_state_after_a_final_one_begins_the_next() -> None:
    tries = tuple(TaskTry("t", "train", number, "FAILED", at) for number, at in enumerate((2.0, 6.0, 7.0)))
    states = (("PENDING", 1.0), ("RUNNING", 2.0), ("FAILED", 3.0), ("RUNNING", 5.0), ("SUCCEEDED", 9.0))
    assert attempts(*states, tries=tries) == [(1, "FAILED", 1.0, 3.0, 1), (2, "SUCCEEDED", 5.0, 9.0, 2)]
    assert attempts(*states[:2]) == [(1, "RUNNING", 1.0, None, 0)]
