"""A world for the pure core: it performs commands in any order, at any speed, and can be struck by a crash."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from penstock.domain.execution import Failure, FailureKind, TaskOutputs
from penstock.domain.ids import RunId, TaskId
from penstock.domain.plan import RunPlan
from penstock.engine import events
from penstock.engine.commands import (
    CancelAttempt,
    Command,
    ContinueLoop,
    ImportArtifact,
    LaunchAttempt,
    LookupCache,
    ScheduleDeadline,
    ScheduleRetry,
)
from penstock.engine.core import apply
from penstock.engine.index import PlanIndex
from penstock.engine.nodes import Node, RunState
from tests.support.plans import new_run

Answer = Callable[[LaunchAttempt], TaskOutputs | Failure]


class World:
    """One run with its open commands; answers become events, and every event is kept."""

    def __init__(self, plan: RunPlan, **run: Any) -> None:
        self.plan = plan
        self.index = PlanIndex(plan)
        self.run = new_run(**run)
        self.state = RunState(self.run, self.index)
        self.log: list[events.Event] = []
        self.commands: list[list[Command]] = []
        """Commands of each event in `log`."""
        self.clock = self.run.created_at
        self.send(events.RunSubmitted(self.clock))

    def send(self, event: events.Event) -> list[Command]:
        """Let an event happen; stale ones leave no trace."""
        commands = apply(self.state, event)
        self.state.take_changes()
        if commands is None:
            return []
        self.log.append(event)
        self.commands.append(commands)
        return commands

    def open(self) -> list[Command]:
        """What can be answered now. Deadlines stay quiet unless a test lets them pass."""
        return [command for command in self.state.outbox.values() if not isinstance(command, CancelAttempt | ScheduleDeadline)]

    def answer(self, command: Command, outcome: Answer) -> list[Command]:
        """Answer one open command."""
        self.clock += 1.0
        match command:
            case LaunchAttempt(path, request):
                result = outcome(command)
                if isinstance(result, Failure):
                    return self.send(events.AttemptFailed(self.clock, path, request.key.attempt, result))
                return self.send(events.AttemptSucceeded(self.clock, path, request.key.attempt, result))
            case LookupCache(path):
                if zlib.crc32(path.encode()) % 3 == 0:
                    outputs = TaskOutputs({"out": out_of(path), "o": out_of(path)})
                    return self.send(events.CacheHit(self.clock, path, TaskId("old"), RunId("old-run"), "old run", outputs))
                return self.send(events.CacheMissed(self.clock, path, "first run"))
            case ScheduleRetry(path, attempt, _):
                return self.send(events.RetryDue(self.clock, path, attempt))
            case ContinueLoop(path):
                return self.send(events.LoopContinued(self.clock, path))
            case ImportArtifact(path):
                return self.send(events.ImportFailed(self.clock, path, "nothing is imported here"))
            case _:
                raise AssertionError(command)

    def crash(self) -> None:
        """Lose the state and rebuild it from the events."""
        self.state = self.replayed()

    def replayed(self) -> RunState:
        """The state that the events alone give."""
        state = RunState(self.run, self.index)
        for event in self.log:
            apply(state, event)
        state.take_changes()
        return state


def out_of(path: str) -> int:
    """Output of the leaf at `path`: any fixed small number."""
    return zlib.crc32(path.encode()) % 2


def succeeds(command: LaunchAttempt) -> TaskOutputs:
    """Every attempt succeeds."""
    return TaskOutputs({"out": out_of(command.path)})


def fails(command: LaunchAttempt) -> Failure:
    """Every attempt fails."""
    return Failure(FailureKind.EXIT_CODE, f"{command.path} failed", 1)


def picture(state: RunState) -> dict[str, Any]:
    """Everything about a state that matters, for comparison."""
    return {
        "state": state.state,
        "counts": state.counts,
        "outbox": dict(state.outbox),
        "cancel": state.cancel_reason,
        "failures": state.failures,
        "active": state.active_leaves,
        "paused": [node.path for node in state.paused] if state.is_paused else None,
        "nodes": {path: _node(node) for path, node in state.nodes.items()},
    }


def _node(node: Node) -> tuple[Any, ...]:
    group = None
    if node.group is not None:
        held = [child.path for child in node.group.held]
        group = (list(node.group.children), node.group.unfinished, node.group.active, held, node.group.failing, node.group.expanded)
    return (
        node.phase,
        node.unmet,
        node.unsuccessful,
        node.blocked,
        node.reason,
        node.error,
        node.parameters,
        node.outputs,
        node.leaf,
        node.started_at,
        node.finished_at,
        node.position,
        group,
    )
