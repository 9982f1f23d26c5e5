"""What a stored run's attempts were asked to do, found by playing its events again."""

from __future__ import annotations

from penstock.domain.execution import LaunchRequest
from penstock.domain.ids import TaskPath
from penstock.engine import events
from penstock.engine.commands import LaunchAttempt
from penstock.engine.core import apply
from penstock.engine.index import PlanIndex
from penstock.engine.nodes import RunState
from penstock.interfaces.journal import StoredRun


def recorded_request(stored: StoredRun, index: PlanIndex, path: TaskPath, attempt: int, *, workspace: str) -> LaunchRequest | None:
    """Return the request of an attempt as the executor was given it; None when it was never launched. Takes the time of all its events.

    Raises:
        KeyError: an event was written by a newer version.
    """
    state = RunState(stored.new_run, index, workspace=workspace)
    for record in stored.events:
        for command in apply(state, events.from_record(record)) or ():
            if isinstance(command, LaunchAttempt) and command.path == path and command.request.key.attempt == attempt:
                return command.request
    return None
