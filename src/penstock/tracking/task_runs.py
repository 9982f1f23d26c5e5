"""The record that every pipeline task has as a tracked run, and what a task process is told so that `wandb` in it finds that record.

A leaf task that starts gets a run: project = pipeline, group = pipeline run, job type = component, config = parameters; when it ends,
its scalar outputs and metrics become the summary. The first run that a client in the task creates (it signs in with the task's key)
takes over that record instead of adding one (`RunBirth.task_id`). Cached tasks do not start and have none.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from penstock.domain.execution import LaunchRequest
from penstock.domain.plan import ParameterType
from penstock.domain.states import RuntimeState
from penstock.domain.storable import without_surrogates
from penstock.domain.tracking import TrackedState
from penstock.interfaces.journal import TaskRecord
from penstock.spec.argo.lower import ARGO_DIALECT
from penstock.spec.values import from_text
from penstock.tracking.task_keys import TASK_HEADER, TaskKeys

_UNSAFE = re.compile(r"[/\\#?%:]+")
_MAX_NAME = 128
_METRICS = frozenset({"system.Metrics", "system.ClassificationMetrics"})
_MAX_TEXT = 1000
_STATES: Mapping[RuntimeState, TrackedState] = {
    RuntimeState.RUNNING: TrackedState.RUNNING,
    RuntimeState.SUCCEEDED: TrackedState.FINISHED,
    RuntimeState.FAILED: TrackedState.FAILED,
    RuntimeState.CANCELED: TrackedState.KILLED,
    RuntimeState.SKIPPED: TrackedState.KILLED,
}


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A task as a tracked run."""

    project: str
    name: str
    display_name: str
    group: str
    job_type: str
    config: str
    """JSON text with wrapped values."""


def run_of_task(record: TaskRecord) -> TaskRun:
    """Return the tracked run that stands for a task."""
    return TaskRun(
        project=safe_project(record.flow or record.run.pipeline_name),
        name=record.task_id,
        display_name=display_name(record.display_name, record.iteration_index),
        group=record.run.name,
        job_type=job_type(record.component),
        config=json.dumps({key: {"value": _typed(record, key, value)} for key, value in record.parameters.items()}, separators=(",", ":")),
    )


def state_of_task(record: TaskRecord) -> TrackedState | None:
    """Return the tracked state that a task's state means, or None when it means none (waiting, canceling)."""
    return _STATES.get(record.state)


def summary_of_task(record: TaskRecord) -> dict[str, Any]:
    """Return scalar outputs and metrics of a task; metrics go by their own name, with the output's in front when names clash."""
    values = {_own_name(record, key): _typed(record, key, value) for key, value in record.outputs.parameters.items()}
    summary: dict[str, Any] = {key: value for key, value in values.items() if is_scalar(value)}
    for output, artifacts in record.outputs.artifacts.items():
        for artifact in artifacts:
            if artifact.type.schema_title in _METRICS:
                for key, value in artifact.metadata.items():
                    if is_scalar(value) and key not in {"display_name", "store_session_info"}:
                        summary[f"{output}.{key}" if key in summary else key] = value
    return summary


def _own_name(record: TaskRecord, output: str) -> str:
    """Return an output's name as its component has it: in a workflow the template's name is in front."""
    return output.removeprefix(f"{record.component}-") if record.run.kind == ARGO_DIALECT else output


def _typed(record: TaskRecord, name: str, value: Any) -> Any:
    """Return what a text of a workflow stands for, by the type that its component declares; any other value as it is."""
    kind = record.value_types.get(name)
    if kind is None or not isinstance(value, str):
        return value
    try:
        read = from_text(value, ParameterType(kind))
    except ValueError:
        return value
    return value if isinstance(read, float) and not math.isfinite(read) else read


def is_scalar(value: Any) -> bool:
    """Whether a value belongs into a summary as it is: numbers, truth values, short text."""
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _MAX_TEXT)


@functools.lru_cache(maxsize=256)
def safe_project(pipeline_name: str) -> str:
    """Return the project for a pipeline: its name without characters that projects cannot have."""
    return _UNSAFE.sub("-", pipeline_name).strip("- ")[:_MAX_NAME] or "pipelines"


def job_type(component: str) -> str:
    """Return a component's name as its author wrote it: the kfp compiler puts `comp-` in front."""
    return component.removeprefix("comp-")


def display_name(task: str, iteration_index: int | None) -> str:
    """Return a task's name with the number of its loop iteration."""
    return task if iteration_index is None else f"{task} [{iteration_index}]"


def merged_summary(stored: str, outputs: Mapping[str, Any]) -> str:
    """Lay a task's outputs under what the client stored: its own values hold."""
    known = json.loads(stored or "{}")
    text = json.dumps({**outputs, **known}, separators=(",", ":"), ensure_ascii=False, default=str)
    return without_surrogates(text)  # no database holds a lone surrogate


@dataclass(frozen=True, slots=True)
class TaskEnvironment:
    """Variables by which `wandb` in a task finds this server and the task's record. Makes no request and writes nothing."""

    url: str
    """Of this server, as tasks reach it."""
    entity: str
    keys: TaskKeys

    def __call__(self, request: LaunchRequest) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Return (plain, secret) variables for an attempt; what the task's author set goes before them."""
        run = request.run
        plain = {
            "WANDB_BASE_URL": self.url,
            "WANDB_ENTITY": self.entity,
            "WANDB_PROJECT": safe_project(run.pipeline_name),
            "WANDB_RUN_GROUP": run.run_name,
            "WANDB_JOB_TYPE": job_type(request.template.name),
            "WANDB_NAME": display_name(request.display_name, request.iteration_index),
            "WANDB_KUBEFLOW_URL": self._link_back(request),
        }
        key = self.keys.key_of(request.key.task_id)
        # Tutorials set a key of their own on every step; the header still tells whose record the run is.
        return plain, {"WANDB_API_KEY": key, "WANDB__EXTRA_HTTP_HEADERS": json.dumps({TASK_HEADER: key})}

    def _link_back(self, request: LaunchRequest) -> str:
        """What the decorators make their link from: wandb for kfp 1.8 appends the run's address itself, wandb for kfp 2 takes it whole."""
        return self.url if request.dialect == "argo" else f"{self.url}/#/runs/details/{quote(request.run.run_id, safe='')}"
