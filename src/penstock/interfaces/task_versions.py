"""What turning pipeline artifacts into artifact versions asks of a store. All methods block; each is one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.ids import Digest, TaskId, TrackedRunId
from penstock.domain.versions import UseDirection


@dataclass(frozen=True, slots=True)
class EndedTask:
    """The tracked run of a task that ended with artifacts for which there are no versions yet."""

    run_id: TrackedRunId
    task_id: TaskId
    project_id: int


@dataclass(frozen=True, slots=True)
class TaskArtifact:
    """An input or output of a task."""

    artifact: ArtifactRef
    direction: UseDirection
    key: str
    """Name of the input or output."""
    made_at: float
    producer_run_id: TrackedRunId | None
    """Tracked run of the task that made it; None when nobody here did."""
    producer_project_id: int | None
    producer_component: str
    producer_user: str
    producer_told: bool
    """The producer's program has logged versions itself; this may be one of them."""
    output_key: str
    is_imported: bool
    """Its producer is an importer: without bytes here it is a reference."""
    version_id: int | None
    """The version that stands for it, if there is one."""


class TaskVersionStore(Protocol):
    """Which artifacts of tasks still need versions, and which versions they have."""

    def pending(self, project_id: int, *, limit: int) -> Sequence[EndedTask]:
        """Return tasks of a project, in the order in which they ended. Costs one look into an index when there are none."""
        ...

    def pending_run(self, run_id: TrackedRunId) -> EndedTask | None:
        """Return the task of a run if its artifacts need versions, else None."""
        ...

    def artifacts(self, task: EndedTask) -> Sequence[TaskArtifact]:
        """Return inputs and outputs, by direction, key and position; those that are a parameter's value in a file are left out.

        A direction in which the task's own program has logged or used versions is left out as well: then it has told itself.
        """
        ...

    def known_md5(self, digests: Sequence[Digest]) -> Mapping[Digest, str]:
        """Return hex MD5 of blobs that some project has as content."""
        ...

    def remember(self, artifact_id: int, version_id: int) -> None:
        """Let a version stand for an artifact; the first one stays."""
        ...

    def finish(self, task: EndedTask, uses: Sequence[tuple[UseDirection, int, str, float]]) -> None:
        """Note (direction, version, key, time) for the task's run; nothing is pending any more."""
        ...
