"""What people keep on the server to run: experiments, pipelines and their versions, recurring runs. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from penstock.domain.ids import Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId
from penstock.domain.states import StorageState
from penstock.domain.triggers import EventTrigger

DEFAULT_EXPERIMENT = "Default"
"""Name of the experiment that exists from the start and takes runs that name none."""


DEMO_TAG = ("demo", "penstock")
"""Key and value of the tag of pipelines that `penstock demo` uploads."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A named group of runs."""

    experiment_id: ExperimentId
    name: str
    """Unique in its namespace."""
    description: str
    namespace: str
    storage_state: StorageState
    created_at: float
    last_run_created_at: float | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A named series of pipeline versions."""

    pipeline_id: PipelineId
    name: str
    """Unique in its namespace; never changes."""
    display_name: str
    description: str
    namespace: str
    tags: Mapping[str, str]
    created_at: float
    default_version_id: PipelineVersionId | None = None
    """kfp 1.8 only: chosen by the user; otherwise the newest version counts."""


@dataclass(frozen=True, slots=True)
class StoredSpec:
    """A pipeline definition as stored, by content."""

    digest: Digest
    kind: str
    """`kfp` or `argo`."""
    name: str
    """Pipeline name inside the document."""
    content: str
    """Canonical JSON text."""
    source: str | None = None
    """Text as uploaded, when there was one."""
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class PipelineVersion:
    """One definition of a pipeline."""

    pipeline_version_id: PipelineVersionId
    pipeline_id: PipelineId
    name: str
    """Unique in its pipeline."""
    display_name: str
    description: str
    spec_digest: Digest
    package_url: str | None
    code_source_url: str | None
    tags: Mapping[str, str]
    created_at: float


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a recurring run fires: exactly one of `cron`, `interval_seconds` and `event` is set."""

    cron: str | None = None
    """Six fields or `@every 1h`, `@daily` ..."""
    interval_seconds: int | None = None
    start_at: float | None = None
    """No planned time before it."""
    end_at: float | None = None
    """No planned time after it."""
    event: EventTrigger | None = None
    """What it waits for instead of the clock."""


@dataclass(frozen=True, slots=True)
class RecurringRun:
    """A schedule that creates runs."""

    recurring_run_id: RecurringRunId
    display_name: str
    description: str
    experiment_id: ExperimentId
    namespace: str
    trigger: Trigger
    max_concurrency: int
    no_catchup: bool
    is_enabled: bool
    created_at: float
    updated_at: float
    spec_digest: Digest | None = None
    """Inline definition."""
    pipeline_id: PipelineId | None = None
    pipeline_version_id: PipelineVersionId | None = None
    """None with `pipeline_id`: the latest version at each firing."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """As given; macros are replaced at each firing."""
    pipeline_root: str = ""
    service_account: str = ""
    error: str | None = None
    """Why the last firing did not work."""
    enabled_at: float = 0.0
    """Planned times before it are never caught up."""
    last_trigger_at: float | None = None
    """Planned time that was considered last."""
    trigger_index: int = 0
    """How often it fired."""
    anchored_at: float = 0.0
    """When the trigger was last set; periods count from here."""


class TickOutcome(StrEnum):
    """What became of a planned time."""

    FIRED = "fired"
    """A run was created."""
    SKIPPED = "skipped"
    """Deliberately left out; the reason says why."""
    ERROR = "error"
    """The run could not be created; the reason says why."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Record of one planned time of a schedule."""

    recurring_run_id: RecurringRunId
    planned_at: float
    decided_at: float
    outcome: TickOutcome
    reason: str = ""
    run_id: RunId | None = None
