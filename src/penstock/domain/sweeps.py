"""Sweeps as values: a search over parameters, its trials and the agents that run them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SweepState(StrEnum):
    """State of a sweep, in W&B's words."""

    PENDING = "PENDING"
    """No agent has asked yet."""
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    """Agents wait."""
    FINISHED = "FINISHED"
    """No new trials; running ones end by themselves."""
    CANCELED = "CANCELED"
    """Running trials are stopped."""

    @property
    def is_over(self) -> bool:
        """Whether no further trial will start."""
        return self in {SweepState.FINISHED, SweepState.CANCELED}


class TrialState(StrEnum):
    """What is known about a trial here; how it went is its run's state."""

    HANDED_OUT = "handed_out"
    STOPPING = "stopping"
    """An agent was told to stop it early."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep."""

    sweep_id: int
    project_id: int
    name: str
    """What users see: 8 characters."""
    display_name: str | None
    description: str | None
    config: str
    """YAML as sent."""
    method: str
    """`grid`, `random`, `bayes` or `custom`."""
    state: SweepState
    controller: str | None
    """JSON of a controller that the client runs itself."""
    scheduler: str | None
    user_name: str
    run_limit: int | None
    next_trial: int
    """Position of the next trial."""
    heartbeat_at: float | None
    created_at: float
    updated_at: float


class AgentState(StrEnum):
    """What an agent is doing, as far as its heartbeats tell; clients do not say when an agent ends by itself."""

    WORKING = "working"
    WAITING = "waiting"
    """It asks, and the sweep is paused."""
    SILENT = "silent"
    """It has missed several heartbeats: it ended, or something is slow."""
    ENDED = "ended"
    """It was told to exit, because the sweep is over."""
    GONE = "gone"
    """Silent for long."""

    @property
    def is_there(self) -> bool:
        """Whether it would take a trial."""
        return self in {AgentState.WORKING, AgentState.WAITING}


@dataclass(frozen=True, slots=True)
class SweepAgent:
    """A process that runs trials."""

    agent_id: int
    sweep_id: int
    name: str
    host: str
    trial_count: int
    created_at: float
    heartbeat_at: float
    ended_at: float | None = None
    """When it was told to exit; None again when it is heard of later."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Parameters for one trial."""

    values: Mapping[str, Any]
    """By name; names of nested parameters joined with dots."""
    units: Mapping[str, float] = field(default_factory=dict)
    """Position of each searched parameter in its range, 0 to 1, as the optimiser sees it."""


@dataclass(frozen=True, slots=True)
class SweepTrial:
    """One set of parameters that was handed to an agent."""

    sweep_id: int
    position: int
    run_name: str
    agent_id: int
    suggestion: Suggestion
    state: TrialState
    created_at: float


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How the run of a trial is doing."""

    run_name: str
    is_running: bool
    is_failed: bool
    metric: float | None
    """Value of the sweep's metric in the summary; None when it has none."""
    curve: Sequence[float] = ()
    """Values of the metric in the order logged; filled only when trials may be stopped early."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Of the run; filled only when the optimiser learns from runs that were there before the sweep."""
