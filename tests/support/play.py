"""Plays a plan on the pure core, in order of appearance, with scripted outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.execution import Failure, FailureKind, LaunchRequest, TaskOutputs
from penstock.domain.plan import RunPlan
from penstock.engine.commands import LaunchAttempt
from penstock.engine.nodes import Node
from tests.support.worlds import World

FAIL = Failure(FailureKind.EXIT_CODE, "boom", 1)


class Play:
    """A run on the core. Outcomes are looked up by path, then task key; anything else succeeds without outputs."""

    def __init__(self, plan: RunPlan, outcomes: Mapping[str, Any] | None = None, **run: Any) -> None:
        self.outcomes = dict(outcomes or {})
        self.requests: list[LaunchRequest] = []
        self.world = World(plan, **run)

    def to_end(self) -> Play:
        """Answer everything until nothing is open."""
        while commands := self.world.open():
            self.world.answer(commands[0], self._outcome)
        return self

    def answer(self, path: str, outcome: Any = None) -> Play:
        """Answer the open command of one task, by its script or with `outcome`."""
        for command in self.world.open():
            if getattr(command, "path", None) == path:
                self.world.answer(command, self._outcome if outcome is None else lambda _: outcome)
                return self
        raise LookupError(f"nothing is open for {path}: {self.world.open()}")

    def _outcome(self, command: LaunchAttempt) -> TaskOutputs | Failure:
        self.requests.append(command.request)
        outcome = self.outcomes.get(command.path, self.outcomes.get(command.request.task_key, {}))
        if callable(outcome):
            outcome = outcome(command.request)
        if isinstance(outcome, list):
            outcome = outcome[min(command.request.key.attempt, len(outcome) - 1)]
        if isinstance(outcome, Failure | TaskOutputs):
            return outcome
        parameters = {key: value for key, value in outcome.items() if not _is_artifacts(value)}
        return TaskOutputs(parameters, {key: value for key, value in outcome.items() if _is_artifacts(value)})

    def node(self, path: str) -> Node:
        """The task at `root/<path>` (or the root)."""
        return self.world.state.nodes[path if path == "root" else f"root/{path}"]  # type: ignore[index]

    def states(self) -> dict[str, str]:
        """States by path, without `root/`."""
        return {path.removeprefix("root/"): node.state.value for path, node in self.world.state.nodes.items()}

    def launched(self) -> list[str]:
        """Paths that are launched and not answered, without `root/`."""
        return [command.path.removeprefix("root/") for command in self.world.open() if isinstance(command, LaunchAttempt)]

    def received(self, path: str) -> Mapping[str, Any]:
        """Parameters that the attempt at `root/<path>` got."""
        return next(request.parameters for request in self.requests if request.task_path == f"root/{path}")

    def error(self, path: str = "root") -> str:
        """Message of a failed task."""
        error = self.node(path).error
        return "" if error is None else error.message


def _is_artifacts(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, ArtifactRef) for item in value)
