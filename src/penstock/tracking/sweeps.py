"""Sweeps: made, changed, listed; agents register, send heartbeats and are told what to do (commands `run`, `stop`, `exit`).

What an agent is told follows from the sweep's state: pending and running sweeps hand out trials, paused ones nothing, finished ones let
running trials end, canceled ones end them. `tracking.sweep_search` decides what to try; runs of trials are ordinary tracked runs whose
`sweep` is the sweep's name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.domain.errors import ConflictError, InvalidArgumentError, NotFoundError
from penstock.domain.sweeps import AgentState, Sweep, SweepAgent, SweepState, SweepTrial, TrialResult, TrialState
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.sweeps import SweepStore
from penstock.tracking.names import run_name_from
from penstock.tracking.sweep_search import SweepPlan, parse_config, suggest, to_stop

AGENT_BEAT_SECONDS = 20.0
"""Agents beat every five seconds, whatever their trial does; after this long without one they count as silent."""
AGENT_SILENCE_SECONDS = 120.0
"""After this long without a heartbeat they count as gone."""
_TRIES = 20

Command = dict[str, Any]
Preempted = Callable[[Sweep], Sequence[tuple[str, float]]]
"""Looks up which runs of a sweep were preempted, and when."""
Observe = Callable[[Sweep, SweepPlan], Sequence[TrialResult]]
"""Looks up how the runs of a sweep are doing."""


class SweepService:
    """Use cases on sweeps. All methods block."""

    def __init__(self, store: SweepStore, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def create(
        self,
        project_id: int,
        user_name: str,
        config: str,
        *,
        display_name: str | None = None,
        description: str | None = None,
        controller: str | None = None,
        scheduler: str | None = None,
    ) -> Sweep:
        """Make a sweep.

        Raises:
            InvalidArgumentError: the configuration cannot be understood.
            UnavailableError: it needs an optimiser that is not installed.
        """
        plan = parse_config(config)
        now = self._clock.now()
        return self._store.add_sweep(
            Sweep(
                sweep_id=0, project_id=project_id, name=run_name_from(self._ids.new_uuid()), display_name=display_name or plan.name,
                description=description or plan.description, config=config, method=plan.method, state=SweepState.PENDING,
                controller=controller, scheduler=scheduler, user_name=user_name, run_limit=plan.run_limit, next_trial=0,
                heartbeat_at=None, created_at=now, updated_at=now,
            )
        )  # fmt: skip

    def change(
        self,
        sweep_id: int,
        *,
        config: str | None = None,
        state: str | None = None,
        display_name: str | None = None,
        description: str | None = None,
        controller: str | None = None,
        scheduler: str | None = None,
    ) -> Sweep:
        """Change what is not None.

        Raises:
            NotFoundError: no such sweep.
            InvalidArgumentError: configuration or state cannot be understood.
            ConflictError: a sweep that is over cannot be paused.
        """
        known = self._store.sweep(sweep_id)
        if known is None:
            raise NotFoundError(f"no sweep {sweep_id}")
        changes: dict[str, Any] = {
            name: value
            for name, value in {
                "display_name": display_name, "description": description, "controller": controller, "scheduler": scheduler,
            }.items()
            if value is not None
        }  # fmt: skip
        if config is not None:
            plan = parse_config(config)
            changes |= {"config": config, "method": plan.method, "run_limit": plan.run_limit}
        if state is not None:
            changes["state"] = _checked_state(known, state).value
        return self._store.change_sweep(sweep_id, changes, at=self._clock.now())

    def get(self, sweep_id: int) -> Sweep | None:
        """Return the sweep, or None."""
        return self._store.sweep(sweep_id)

    def named(self, project_id: int, name: str) -> Sweep | None:
        """Return the sweep, or None."""
        return self._store.sweep_by_name(project_id, name)

    def of_project(self, project_id: int) -> Sequence[Sweep]:
        """Return a project's sweeps, newest first."""
        return self._store.sweeps(project_id)

    def delete(self, sweep_id: int) -> bool:
        """Remove a sweep; its runs stay. Whether it existed."""
        return self._store.delete_sweep(sweep_id)

    def plan(self, sweep: Sweep) -> SweepPlan:
        """Return the sweep's configuration, understood."""
        return parse_config(sweep.config)

    def trials(self, sweep_id: int) -> Sequence[SweepTrial]:
        """Return the trials handed out, in order."""
        return self._store.trials(sweep_id)

    def register(self, sweep: Sweep, host: str, user_name: str) -> SweepAgent:
        """Add an agent."""
        name = run_name_from(self._ids.new_uuid())
        return self._store.add_agent(sweep.sweep_id, name, host, user_name=user_name, at=self._clock.now())

    def agent(self, agent_id: int) -> SweepAgent | None:
        """Return the agent, or None."""
        return self._store.agent(agent_id)

    def agents(self, sweep_id: int) -> Sequence[SweepAgent]:
        """Return a sweep's agents, oldest first."""
        return self._store.agents(sweep_id)

    def is_alive(self, agent: SweepAgent) -> bool:
        """Whether the agent was heard of lately and was not told to exit."""
        return agent.ended_at is None and self._clock.now() - agent.heartbeat_at < AGENT_SILENCE_SECONDS

    def agent_state(self, agent: SweepAgent, sweep: Sweep) -> AgentState:
        """Return what an agent of the sweep is doing, as far as its heartbeats tell."""
        silence = self._clock.now() - agent.heartbeat_at
        if agent.ended_at is not None or (sweep.state.is_over and silence >= AGENT_BEAT_SECONDS):
            return AgentState.ENDED
        if silence >= AGENT_BEAT_SECONDS:
            return AgentState.GONE if silence >= AGENT_SILENCE_SECONDS else AgentState.SILENT
        return AgentState.WAITING if sweep.state is SweepState.PAUSED else AgentState.WORKING

    def heartbeat(self, agent_id: int, running: Sequence[str], observe: Observe, preempted: Preempted = lambda _: ()) -> list[Command]:
        """Note that an agent lives and return what it should do.

        Args:
            agent_id: who beats.
            running: names of runs that the agent has queued or under way.
            observe: looks up how the sweep's runs are doing; called only when that matters.
            preempted: looks up its preempted runs, which come before anything new.

        Raises:
            NotFoundError: the agent or its sweep is gone.
        """
        agent = self._store.agent(agent_id)
        sweep = None if agent is None else self._store.sweep(agent.sweep_id)
        if agent is None or sweep is None:
            raise NotFoundError("the sweep was deleted, or the agent was not found")
        self._store.beat(agent_id, at=self._clock.now())
        commands = self._commands(sweep, agent, running, observe, preempted)
        if any(command["type"] == "exit" for command in commands):
            self._store.end_agent(agent_id, at=self._clock.now())
        return commands

    def _commands(self, sweep: Sweep, agent: SweepAgent, running: Sequence[str], observe: Observe, preempted: Preempted) -> list[Command]:
        if sweep.state is SweepState.CANCELED or (sweep.state is SweepState.FINISHED and not running):
            return [{"type": "exit"}]
        if sweep.state in {SweepState.PAUSED, SweepState.FINISHED}:
            return []
        plan = parse_config(sweep.config)
        if running:
            return self._stops(sweep, plan, running, observe)
        again = self._preempted_trial(sweep, plan, agent, preempted)
        return [again] if again is not None else self._next_trial(sweep, plan, agent, observe)

    def _preempted_trial(self, sweep: Sweep, plan: SweepPlan, agent: SweepAgent, preempted: Preempted) -> Command | None:
        found = dict(preempted(sweep))
        trials = self._store.trials(sweep.sweep_id) if found else ()
        for trial in trials:
            ended_at = found.get(trial.run_name)
            if ended_at is not None and self._store.hand_out_again(
                sweep.sweep_id, trial.run_name, agent.agent_id, ended_at=ended_at, at=self._clock.now()
            ):
                return _command("resume", trial.position, trial.run_name, plan, trial.suggestion.values)
        return None

    def _stops(self, sweep: Sweep, plan: SweepPlan, running: Sequence[str], observe: Observe) -> list[Command]:
        if plan.hyperband is None:
            return []
        doomed = [name for name in to_stop(plan, observe(sweep, plan)) if name in set(running)]
        for name in doomed:
            self._store.set_trial_state(sweep.sweep_id, name, TrialState.STOPPING)
        return [{"type": "stop", "run_id": name} for name in doomed]

    def _next_trial(self, sweep: Sweep, plan: SweepPlan, agent: SweepAgent, observe: Observe) -> list[Command]:
        for _ in range(_TRIES):
            position = sweep.next_trial
            needs_results = plan.method == "bayes" or plan.target is not None
            results = {result.run_name: result for result in observe(sweep, plan)} if needs_results else {}
            trials = self._store.trials(sweep.sweep_id) if needs_results else ()
            found = suggest(plan, seed=sweep.sweep_id, position=position, trials=trials, results=results)
            if found is None or plan.is_reached(results.values()):
                self._store.change_sweep(sweep.sweep_id, {"state": SweepState.FINISHED.value}, at=self._clock.now())
                return [{"type": "exit"}]
            run_name = run_name_from(self._ids.new_uuid())
            if self._store.add_trial(sweep.sweep_id, position, run_name, agent.agent_id, found, at=self._clock.now()):
                if sweep.state is SweepState.PENDING:
                    self._store.change_sweep(sweep.sweep_id, {"state": SweepState.RUNNING.value}, at=self._clock.now())
                return [_command("run", position, run_name, plan, found.values)]
            # Another agent took this position in the meantime.
            sweep = self._store.sweep(sweep.sweep_id) or sweep
        return []


def _command(kind: str, position: int, run_name: str, plan: SweepPlan, values: Mapping[str, Any]) -> Command:
    arguments = {name: {"value": value} for name, value in plan.space.nested(values).items()}
    return {"type": kind, "id": str(position), "run_id": run_name, "args": arguments, "program": plan.program, "logs": []}


def best_metric(plan: SweepPlan, results: Sequence[TrialResult]) -> float | None:
    """Return the best value of the metric so far, or None."""
    values = [result.metric for result in results if result.metric is not None and math.isfinite(result.metric)]
    if not values:
        return None
    return max(values) if plan.is_maximized else min(values)


def metric_value(summary: Mapping[str, Any], name: str) -> float | None:
    """Return a metric from a summary document; dotted names reach into objects when there is no such literal key."""
    value: Any = summary.get(name)
    if value is None:
        value = summary
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("min", value.get("max", value.get("last")))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _checked_state(known: Sweep, state: str) -> SweepState:
    try:
        target = SweepState(state.upper())
    except ValueError as error:
        raise InvalidArgumentError(f"{state!r} is not a state of a sweep") from error
    if target is SweepState.PAUSED and known.state.is_over:
        raise ConflictError(f"the sweep is {known.state.value.lower()}; it cannot be paused")
    return target
