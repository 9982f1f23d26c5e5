"""What the KFP adapter works with; the server fills it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from penstock.api.kfp.convert.states import RunStates
from penstock.pipelines.artifacts import ArtifactService
from penstock.pipelines.cache_plan import CachePlanService
from penstock.pipelines.experiments import ExperimentService
from penstock.pipelines.pipelines import PipelineService
from penstock.pipelines.recurring_runs import RecurringRunService
from penstock.pipelines.runs import RunService
from penstock.pipelines.secrets import SecretService
from penstock.pipelines.tasks import TaskService
from penstock.pipelines.versions import VersionService


@dataclass(frozen=True, slots=True)
class KfpServices:
    """Use cases and settings of the adapter."""

    experiments: ExperimentService
    pipelines: PipelineService
    versions: VersionService
    runs: RunService
    recurring_runs: RecurringRunService
    tasks: TaskService
    artifacts: ArtifactService
    secrets: SecretService
    cache_plan: CachePlanService
    states: RunStates = field(default_factory=RunStates)
    """How a terminated run is told to clients."""
    version: str = ""
    """Shown by `healthz`."""
    is_ready: Callable[[], bool] = lambda: True
    """Whether requests can be served; `healthz` says 503 before."""
