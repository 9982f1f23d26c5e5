"""What a run would reuse: the engine's own rules applied to the real cache, without starting anything.

A run is played through `engine.core`: every look-up is answered by the cache, hits go on with their stored outputs, and where a task
would have to work the play stops, because what it would produce is not known. What follows such a task is `unknown`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from graphlib import TopologicalSorter
from typing import Any

from penstock.domain.ids import TaskPath
from penstock.domain.plan import RunPlan
from penstock.domain.states import RuntimeState
from penstock.engine import core, events
from penstock.engine.commands import Command, ContinueLoop, LaunchAttempt, LookupCache
from penstock.engine.index import PlanIndex
from penstock.engine.nodes import Node, RunState
from penstock.interfaces.cache import CacheHitAnswer, CacheLookup, TaskCache
from penstock.interfaces.clock import Clock
from penstock.pipelines.expected_time import ExpectedTime
from penstock.pipelines.runs import RunRequest, RunService, Scheduled

_MAX_STEPS = 20_000
"""Events played at most; what is open then is unknown."""


class Forecast(StrEnum):
    """What would become of a task."""

    CACHED = "cached"
    """Reused."""
    RUN = "run"
    """Executed."""
    SKIPPED = "skipped"
    """Not needed: its condition is false."""
    UNKNOWN = "unknown"
    """Depends on a task that would be executed."""


_FREE = frozenset({Forecast.CACHED, Forecast.SKIPPED})


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """Forecast for one leaf task."""

    path: TaskPath
    name: str
    outcome: Forecast
    reason: str
    cached_task_id: str = ""
    cached_run_id: str = ""
    seconds: float | None = None
    """How long it usually takes; None when it is not executed, or never was."""
    template: str = ""
    """Of the plan."""
    place: tuple[tuple[int, int], ...] = ()
    """Where it stands in the graph, from the outermost group to itself; what it waits for stands before it."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "path": self.path,
            "task": self.name,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "cached_task_id": self.cached_task_id,
            "cached_run_id": self.cached_run_id,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class CachePlan:
    """Forecast for a run."""

    tasks: Sequence[PlannedTask]
    """Leaf tasks in the order of the graph: each behind what it waits for."""
    expected_seconds: float
    """The longest chain of what would be executed, by the history of the pipeline."""
    is_partial: bool
    """Something in it was never executed, so that it may well take longer."""
    plan: RunPlan
    """What would be run."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """With what."""
    groups: Sequence[PlannedTask] = ()
    """Loops, conditions and inner pipelines of whose tasks nothing is known yet: they wait for what would be executed, or are skipped."""

    @property
    def entries(self) -> Sequence[PlannedTask]:
        """Tasks and groups together, in the order of the graph."""
        return sorted((*self.tasks, *self.groups), key=lambda task: task.place)


class CachePlanService:
    """Foretells reuse."""

    def __init__(self, runs: RunService, cache: TaskCache, clock: Clock) -> None:
        self._runs = runs
        self._cache = cache
        self._clock = clock

    async def plan(self, request: RunRequest, *, scheduled: Scheduled | None = None) -> CachePlan:
        """Return a forecast for every leaf task that can be seen from here, and for the time that the run would take.

        Args:
            request: what would be run.
            scheduled: which planned time of a schedule it would be for.

        Raises:
            InvalidArgumentError: the request is not valid.
            NotFoundError: the experiment, pipeline or version does not exist.
        """
        prepared = await self._runs.prepare(request, scheduled=scheduled)
        play = _Play(RunState(prepared.new_run, PlanIndex(prepared.plan)), self._clock.now())
        play.apply(events.RunSubmitted(prepared.new_run.created_at))
        while play.lookups and play.steps < _MAX_STEPS:
            asked, play.lookups = play.lookups, []
            questions = [CacheLookup(one.fingerprint, one.scope, one.component, one.parts, one.max_age_seconds) for one in asked]
            answers = await self._cache.look_up_many(questions, now=play.now)
            for question, answer in zip(asked, answers, strict=True):
                if isinstance(answer, CacheHitAnswer):
                    play.hits[question.path] = answer
                    play.apply(
                        events.CacheHit(play.now, question.path, answer.task_id, answer.run_id, answer.run_name, answer.outputs)
                    )
                else:
                    play.misses[question.path] = answer.reason
        usual = await self._cache.usual_seconds(prepared.plan.name)
        found = [(node, play.forecast(node)) for node in play.leaves()]
        free = {node.path for node, forecast in found if forecast.outcome in _FREE}
        time = ExpectedTime(play.state.index, usual, free)
        expected = 0.0 if play.state.root is None else time.of(play.state.root)
        tasks = [
            replace(
                forecast,
                template=node.spec.template,
                place=play.places.of(node),
                seconds=None if node.path in free else usual.get(node.spec.template),
            )
            for node, forecast in found
        ]
        groups = [replace(play.forecast(node), place=play.places.of(node)) for node in play.closed_groups()]
        return CachePlan(tasks, expected, time.is_partial, prepared.plan, prepared.new_run.parameters, groups)


class _Places:
    """Where nodes stand. Definitions name their tasks by the alphabet; readers know them in the order of the graph."""

    def __init__(self, index: PlanIndex) -> None:
        self._index = index
        self._layers: dict[str, dict[str, int]] = {}

    def of(self, node: Node) -> tuple[tuple[int, int], ...]:
        """Return layer and number of the node and of all groups that it is in, the outermost first."""
        place: list[tuple[int, int]] = []
        current: Node | None = node
        while current is not None:
            frame = current.frame if current.iteration is None else None
            layer = 0 if frame is None else self._layers_of(frame.template.name)[current.key]
            place.append((layer, current.position))
            current = current.parent
        return tuple(reversed(place))

    def _layers_of(self, graph: str) -> Mapping[str, int]:
        found = self._layers.get(graph)
        if found is None:
            after = {key: task.spec.after for key, task in self._index.graph(graph).tasks.items()}
            found = self._layers[graph] = {}
            for key in TopologicalSorter(after).static_order():
                found[key] = 1 + max((found[other] for other in after[key]), default=-1)
        return found


class _Play:
    """A run that is played, not driven."""

    def __init__(self, state: RunState, now: float) -> None:
        self.state = state
        self.places = _Places(state.index)
        self.now = now
        self.lookups: list[LookupCache] = []
        self.hits: dict[TaskPath, CacheHitAnswer] = {}
        self.misses: dict[TaskPath, str] = {}
        self.steps = 0

    def apply(self, event: events.Event) -> None:
        """Let an event happen, with everything that follows from it without outside help."""
        waiting: deque[events.Event] = deque([event])
        while waiting and self.steps < _MAX_STEPS:
            self.steps += 1
            for command in core.apply(self.state, waiting.popleft()) or ():
                if (next_event := self._perform(command)) is not None:
                    waiting.append(next_event)

    def _perform(self, command: Command) -> events.Event | None:
        if isinstance(command, LookupCache):
            self.lookups.append(command)
        elif isinstance(command, LaunchAttempt):
            self.misses.setdefault(command.path, "caching is off for this task")
        elif isinstance(command, ContinueLoop):
            return events.LoopContinued(self.now, command.path)
        return None

    def leaves(self) -> list[Node]:
        """Return the leaf tasks seen so far, in the order of the graph."""
        return sorted((node for node in self.state.nodes.values() if node.leaf is not None), key=self.places.of)

    def closed_groups(self) -> list[Node]:
        """Return the groups that the play did not come into, in the order of the graph."""
        opened = {node.parent.path for node in self.state.nodes.values() if node.parent is not None}
        waiting = (RuntimeState.PENDING, RuntimeState.SKIPPED)
        found = [node for node in self.state.nodes.values() if node.leaf is None and node.path not in opened and node.state in waiting]
        return sorted(found, key=self.places.of)

    def forecast(self, node: Node) -> PlannedTask:
        """Return what would become of a leaf."""
        if (hit := self.hits.get(node.path)) is not None:
            return PlannedTask(node.path, node.name, Forecast.CACHED, f"reused from run {hit.run_name}", hit.task_id, hit.run_id)
        if (reason := self.misses.get(node.path)) is not None:
            return PlannedTask(node.path, node.name, Forecast.RUN, reason)
        if node.state is RuntimeState.SKIPPED:
            return PlannedTask(node.path, node.name, Forecast.SKIPPED, node.reason)
        return PlannedTask(node.path, node.name, Forecast.UNKNOWN, node.reason or "depends on a task that would be executed")
