"""Recording what Metaflow clients tell: the rules that hold whatever the store (Metaflow protocol notes, sections 2 and 3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.flows import Authorship, Flow, FlowRun, FlowStep, FlowTask, NewArtifact, NewMetadata
from penstock.interfaces.clock import Clock
from penstock.interfaces.flow_store import FlowStore

SERVICE_VERSION = "2.5.1"
"""Version of the metadata service that this one is equal to; clients switch features on by it."""

_NAME = re.compile(r"\w[\w.-]{0,255}")
"""Names of flows and steps: Python identifiers of any script, and what else stands in a path without being taken for one."""
_FIRST_HEARTBEAT_VERSION = (2, 2, 12)


class FlowRecorder:
    """Write side of recorded flows. Reads go to the store directly."""

    def __init__(
        self,
        store: FlowStore,
        clock: Clock,
        *,
        on_facts: Callable[[], None] = lambda: None,
        on_change: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Write to `store`; `on_facts` is called after facts about a task were stored, `on_change` with the `Flow/run` that changed."""
        self.store = store
        self._clock = clock
        self._on_facts = on_facts
        self._on_change = on_change

    async def add_flow(self, flow_id: str, by: Authorship) -> Flow:
        """Register a flow.

        Raises:
            InvalidArgumentError: the name cannot stand in a path.
            AlreadyExistsError: it is registered.
        """
        if not _NAME.fullmatch(flow_id):
            raise InvalidArgumentError(f"{flow_id!r} is not a flow name")
        return await self.store.add_flow(flow_id, by, now=self._clock.now())

    async def add_run(self, flow_id: str, run_id: str | None, by: Authorship) -> FlowRun:
        """Register a run.

        Raises:
            InvalidArgumentError: the supplied id consists of digits only or cannot stand in a path.
            NotFoundError: unknown flow.
            AlreadyExistsError: the id is taken.
        """
        _check_supplied("run id", run_id)
        now = self._clock.now()
        run = await self.store.add_run(flow_id, run_id, by, heartbeat=_first_heartbeat(by, now), now=now)
        self._on_change(f"{flow_id}/{run.shown_id}")
        return run

    async def add_step(self, flow_id: str, run_id: str, step_name: str, by: Authorship) -> FlowStep:
        """Register a step.

        Raises:
            InvalidArgumentError: the name cannot stand in a path.
            NotFoundError: unknown run.
            AlreadyExistsError: the run has it.
        """
        if not _NAME.fullmatch(step_name):
            raise InvalidArgumentError(f"{step_name!r} is not a step name")
        return await self.store.add_step(flow_id, run_id, step_name, by, now=self._clock.now())

    async def add_task(self, flow_id: str, run_id: str, step_name: str, task_id: str | None, by: Authorship) -> FlowTask:
        """Register a task.

        Raises:
            InvalidArgumentError: the supplied id consists of digits only or cannot stand in a path.
            NotFoundError: unknown step.
            AlreadyExistsError: the id is taken.
        """
        _check_supplied("task id", task_id)
        now = self._clock.now()
        task = await self.store.add_task(flow_id, run_id, step_name, task_id, by, heartbeat=_first_heartbeat(by, now), now=now)
        self._on_change(f"{flow_id}/{run_id}")
        return task

    async def add_metadata(self, flow_id: str, run_id: str, step_name: str, task_id: str, rows: Sequence[NewMetadata]) -> int:
        """Append metadata rows to a task; returns how many."""
        added = await self.store.add_metadata(flow_id, run_id, step_name, task_id, rows, now=self._clock.now())
        self._on_facts()
        self._on_change(f"{flow_id}/{run_id}")
        return added

    async def add_artifacts(self, flow_id: str, run_id: str, step_name: str, task_id: str, rows: Sequence[NewArtifact]) -> int:
        """Register artifacts of a task; rows that exist stay as they are."""
        added = await self.store.add_artifacts(flow_id, run_id, step_name, task_id, rows, now=self._clock.now())
        self._on_facts()
        self._on_change(f"{flow_id}/{run_id}")
        return added

    async def change_tags(self, flow_id: str, run_id: str, add: Sequence[str], remove: Sequence[str]) -> list[str]:
        """Remove, then add user tags of a run; returns what it has now."""
        tags = await self.store.change_tags(flow_id, run_id, add, remove, now=self._clock.now())
        self._on_change(f"{flow_id}/{run_id}")
        return tags

    async def beat_run(self, flow_id: str, run_id: str) -> None:
        """Note a sign of life of a run.

        Raises:
            NotFoundError: unknown run.
        """
        await self.store.beat_run(flow_id, run_id, now=self._clock.now())

    async def beat_task(self, flow_id: str, run_id: str, step_name: str, task_id: str) -> None:
        """Note a sign of life of a task and its run.

        Raises:
            NotFoundError: unknown task.
        """
        await self.store.beat_task(flow_id, run_id, step_name, task_id, now=self._clock.now())


def _check_supplied(what: str, value: str | None) -> None:
    if value is None:
        return
    if value.isdecimal():
        raise InvalidArgumentError(f"a supplied {what} must not consist of digits only: {value!r}")
    if not value or len(value) > 256 or "/" in value:
        raise InvalidArgumentError(f"a supplied {what} must have 1 to 256 characters and no '/': {value!r}")


def _first_heartbeat(by: Authorship, now: float) -> int | None:
    """Heartbeats begin at creation for clients that send them (metaflow 2.2.12 and newer)."""
    for tag in by.system_tags:
        if tag.startswith("metaflow_version:"):
            numbers = tuple(int(part) for part in re.findall(r"\d+", tag)[:3])
            return int(now) if numbers >= _FIRST_HEARTBEAT_VERSION else None
    return None
