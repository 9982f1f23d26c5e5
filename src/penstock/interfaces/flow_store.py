"""Where recorded flows are kept: exactly what clients wrote, plus the projection onto the shared run and task tables.

Ids in arguments are as clients give them: text of digits is a number of the server-wide sequence, anything else a supplied id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.domain.flows import (
    ArtifactRow,
    Authorship,
    Flow,
    FlowRun,
    FlowStep,
    FlowTask,
    MetadataRow,
    NewArtifact,
    NewMetadata,
    Page,
    RunFilter,
)


class FlowStore(Protocol):
    """Every write is durable when it returns; times are the caller's."""

    async def add_flow(self, flow_id: str, by: Authorship, *, now: float) -> Flow:
        """Register a flow.

        Raises:
            AlreadyExistsError: it is registered.
        """
        ...

    async def flow(self, flow_id: str) -> Flow:
        """Return a flow.

        Raises:
            NotFoundError: unknown.
        """
        ...

    async def flows(self, page: Page) -> list[Flow]:
        """Flows, newest first."""
        ...

    async def add_run(self, flow_id: str, run_id: str | None, by: Authorship, *, heartbeat: int | None, now: float) -> FlowRun:
        """Register a run.

        Raises:
            NotFoundError: unknown flow.
            AlreadyExistsError: the flow has a run with this supplied id.
        """
        ...

    async def run(self, flow_id: str, run_id: str) -> FlowRun:
        """Return a run.

        Raises:
            NotFoundError: unknown.
        """
        ...

    async def runs(self, flow_id: str, filters: Sequence[RunFilter], page: Page) -> list[FlowRun]:
        """Runs of a flow, newest first."""
        ...

    async def change_tags(self, flow_id: str, run_id: str, add: Sequence[str], remove: Sequence[str], *, now: float) -> list[str]:
        """Remove, then add user tags; return them in order. System tags are not added again.

        Raises:
            NotFoundError: unknown run.
            PreconditionError: a tag to remove is a system tag; nothing changed.
        """
        ...

    async def beat_run(self, flow_id: str, run_id: str, *, now: float) -> None:
        """Note a sign of life of a run.

        Raises:
            NotFoundError: unknown run.
        """
        ...

    async def beat_task(self, flow_id: str, run_id: str, step_name: str, task_id: str, *, now: float) -> None:
        """Note a sign of life of a task and its run.

        Raises:
            NotFoundError: unknown task.
        """
        ...

    async def add_step(self, flow_id: str, run_id: str, step_name: str, by: Authorship, *, now: float) -> FlowStep:
        """Register a step.

        Raises:
            NotFoundError: unknown run.
            AlreadyExistsError: the run has it.
        """
        ...

    async def steps(self, flow_id: str, run_id: str, step_name: str | None = None) -> list[FlowStep]:
        """Steps of a run, newest first; with `step_name` that one or none.

        Raises:
            NotFoundError: unknown run.
        """
        ...

    async def add_task(
        self, flow_id: str, run_id: str, step_name: str, task_id: str | None, by: Authorship, *, heartbeat: int | None, now: float
    ) -> FlowTask:
        """Register a task; refreshes the run's heartbeat.

        Raises:
            NotFoundError: unknown step.
            AlreadyExistsError: the step has a task with this supplied id.
        """
        ...

    async def tasks(self, flow_id: str, run_id: str, step_name: str, task_id: str | None, page: Page) -> list[FlowTask]:
        """Tasks of a step, newest first; with `task_id` that one or none.

        Raises:
            NotFoundError: unknown step.
        """
        ...

    async def matching_tasks(self, flow_id: str, run_id: str, step_name: str, field_name: str | None, pattern: str | None) -> list[str]:
        """Path specs of tasks with a metadata row of that field whose text matches the regular expression anywhere.

        Raises:
            InvalidArgumentError: the pattern is not a regular expression.
        """
        ...

    async def add_metadata(
        self, flow_id: str, run_id: str, step_name: str, task_id: str, rows: Sequence[NewMetadata], *, now: float
    ) -> int:
        """Append metadata rows of a task; return how many.

        Raises:
            NotFoundError: unknown task.
        """
        ...

    async def metadata(self, flow_id: str, run_id: str, step_name: str | None, task_id: str | None, page: Page) -> list[MetadataRow]:
        """Metadata of a task, or of a whole run, newest first.

        Raises:
            NotFoundError: unknown run or task.
        """
        ...

    async def add_artifacts(
        self, flow_id: str, run_id: str, step_name: str, task_id: str, rows: Sequence[NewArtifact], *, now: float
    ) -> int:
        """Register artifacts of a task; a row that exists stays as it is. Returns how many were new.

        Raises:
            NotFoundError: unknown task.
        """
        ...

    async def artifacts(
        self, flow_id: str, run_id: str, step_name: str | None, task_id: str | None, attempt: int | None, name: str | None, page: Page
    ) -> list[ArtifactRow]:
        """Artifacts of a run, step or task: of one attempt, or of the latest attempt of each task.

        Raises:
            NotFoundError: unknown run or task.
        """
        ...
