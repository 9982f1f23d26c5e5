"""Runs as they are submitted, and the sentences about them that rooms pass to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.domain.ids import ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId, TaskId
from penstock.domain.states import RuntimeState


@dataclass(frozen=True, slots=True)
class NewRun:
    """A validated request to run a pipeline; everything the `run` row holds at birth."""

    run_id: RunId
    kind: str
    """`kfp` or `argo`: which dialect lowers the stored spec."""
    name: str
    resource_name: str
    pipeline_name: str
    spec_digest: str
    created_at: float
    scheduled_at: float
    experiment_id: ExperimentId
    description: str = ""
    namespace: str = ""
    pipeline_id: PipelineId | None = None
    pipeline_version_id: PipelineVersionId | None = None
    recurring_run_id: RecurringRunId | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """As given, macros replaced; defaults are filled in by the engine from the plan."""
    pipeline_root: str = ""
    service_account: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    """`no_cache` (bool): ignore the cache for the whole run; anything else is kept for the adapters."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunChanged:
    """Something about a run or its tasks is different now; live pages refresh what they show."""

    run_id: RunId
    version: int
    state: RuntimeState
    task_ids: tuple[TaskId, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run reached a final state."""

    run_id: RunId
    state: RuntimeState


@dataclass(frozen=True, slots=True)
class TrackedRunChanged:
    """A tracked run got rows, console lines, files or another state."""

    entity: str
    project: str
    name: str
    what: str
    """`history`, `events`, `console`, `summary`, `config`, `state`, `files`, `artifacts` or `deleted`."""


@dataclass(frozen=True, slots=True)
class FlowRunChanged:
    """A client told something about a recorded run of a flow; heartbeats do not count."""

    run_id: str
    """`Flow/run`."""


@dataclass(frozen=True, slots=True)
class RecurringRunChanged:
    """A schedule was created, changed, enabled, disabled or deleted, or it fired."""

    recurring_run_id: RecurringRunId


@dataclass(frozen=True, slots=True)
class CatalogChanged:
    """A pipeline, one of its versions or an experiment was made, changed or deleted, or a backup begun or ended."""


DomainEvent = RunChanged | RunFinished | TrackedRunChanged | FlowRunChanged | RecurringRunChanged | CatalogChanged
