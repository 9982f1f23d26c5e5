"""Identifiers of the domain, each a distinct type so that one is never passed for another.

Ids are made by an `IdSource` (see `interfaces.clock`); nothing here draws random numbers or reads a clock.
Task ids are derived from the run and the task's path, so the same run always yields the same ids.
"""

from __future__ import annotations

import re
import uuid
from typing import NewType

RunId = NewType("RunId", str)
TaskId = NewType("TaskId", str)
ExperimentId = NewType("ExperimentId", str)
PipelineId = NewType("PipelineId", str)
PipelineVersionId = NewType("PipelineVersionId", str)
RecurringRunId = NewType("RecurringRunId", str)
ArtifactId = NewType("ArtifactId", int)
"""Below 2**53, so that it survives JSON readers that keep numbers as doubles."""
TrackedRunId = NewType("TrackedRunId", int)
"""Row id of a tracked (W&B style) run; the name users see is `TrackedRun.name`."""
TaskPath = NewType("TaskPath", str)
"""Where a task stands in its run: `root`, `root/train`, `root/for-loop-1[3]/train`."""
Digest = NewType("Digest", str)
"""Content digest of a blob or tree: `sha256:<64 hex>`."""

ROOT_PATH = TaskPath("root")

_ATTEMPT_NODE = re.compile(r"([0-9a-f-]{36})-(\d{1,6})")


def task_id_for(run_id: RunId, path: TaskPath) -> TaskId:
    """Return the id of the task at `path`; the same arguments always give the same id."""
    return TaskId(str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run_id}:{path}")))


def node_task(node_id: str) -> tuple[TaskId, int | None]:
    """Return task and attempt that a node of an Argo status document stands for; `<task id>-<number>` is one attempt of a retried step."""
    match = _ATTEMPT_NODE.fullmatch(node_id)
    return (TaskId(node_id), None) if match is None else (TaskId(match.group(1)), int(match.group(2)))
