"""Attempts of a whole run: what lay between its start, or a retry of it, and its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from penstock.interfaces.pages import RunItem, TaskTry
from penstock.web.services.web import WebServices

_FINAL = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"})


@dataclass(frozen=True, slots=True)
class RunAttempt:
    """One attempt of a run."""

    number: int
    """From 1."""
    state: str
    """As it ended, or as it is now."""
    started_at: float
    finished_at: float | None
    tries: Sequence[TaskTry] = ()
    """Attempts of tasks that began in it, failed ones first."""


def run_attempts(run: RunItem, tries: Sequence[TaskTry] = ()) -> list[RunAttempt]:
    """Return the attempts of a run in order of time: a state that follows a final one begins the next."""
    spans: list[RunAttempt] = []
    is_over = True
    for entry in run.state_history:
        state, at = str(entry["state"]), float(entry["at"])
        is_final = state in _FINAL
        if is_over:
            spans.append(RunAttempt(len(spans) + 1, state, at, None))
        last = spans[-1]
        spans[-1] = RunAttempt(last.number, state, last.started_at, at if is_final else None)
        is_over = is_final
    borders = [0.0, *(later.started_at for later in spans[1:]), float("inf")]
    return [
        RunAttempt(one.number, one.state, one.started_at, one.finished_at, [item for item in tries if start <= item.created_at < end])
        for one, (start, end) in zip(spans, pairwise(borders), strict=False)  # a run without a history has no attempt
    ]


async def attempts_of(services: WebServices, run: RunItem) -> list[RunAttempt]:
    """Return the attempts of a run that was retried; empty for others, which costs nothing."""
    if len(run_attempts(run)) < 2:
        return []
    return run_attempts(run, await services.runs.tries(run.run_id))
