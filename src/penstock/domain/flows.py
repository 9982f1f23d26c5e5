"""Recorded flows as values, in the words of Metaflow's metadata service (Metaflow protocol notes, section 3.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FLOW_VARIABLE = "METAFLOW_FLOW_NAME"
FOREACH_SPLITS = "_foreach_num_splits"
"""Artifact of every task: to how many tasks it fans out, None for most (observed with metaflow 2.19)."""
"""Variable by which the task of a deployed flow is known; holds the flow's name."""


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

SortKey = tuple[int, int, str]
"""Time in milliseconds and number of a row, both newest first, and its name where several have these in common."""


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who created an object, and its tags, as sent."""

    user_name: str | None
    tags: tuple[str, ...]
    system_tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow, known by its class name."""

    flow_id: str
    by: Authorship
    ts_epoch: int
    """Milliseconds, set by the server."""


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A run of a flow."""

    flow_id: str
    run_number: int
    """From one server-wide sequence."""
    run_id: str | None
    """Supplied by the client; shown in place of the number."""
    by: Authorship
    """Tags here are canonical for everything in the run."""
    ts_epoch: int
    last_heartbeat_ts: int | None

    @property
    def shown_id(self) -> str:
        """The id that users see and paths accept."""
        return self.run_id if self.run_id is not None else str(self.run_number)

    @property
    def title(self) -> str:
        """What people read: flow and id, or the number, which stands for the run in addresses too, where the id is a UUID."""
        return run_title(self.flow_id, self.run_number, self.shown_id)


def run_title(flow_id: str, run_number: int, shown_id: str) -> str:
    """Return what people read of a run of a flow; see `FlowRun.title`."""
    return f"{flow_id}/{run_number if _UUID.fullmatch(shown_id) else shown_id}"


@dataclass(frozen=True, slots=True)
class FlowStep:
    """A step of a run."""

    run: FlowRun
    step_name: str
    user_name: str | None
    ts_epoch: int


@dataclass(frozen=True, slots=True)
class FlowTask:
    """A task of a step."""

    run: FlowRun
    step_name: str
    task_number: int
    """From one server-wide sequence."""
    task_name: str | None
    """Supplied by the client; shown in place of the number."""
    user_name: str | None
    ts_epoch: int
    last_heartbeat_ts: int | None

    @property
    def shown_id(self) -> str:
        """The id that users see and paths accept."""
        return self.task_name if self.task_name is not None else str(self.task_number)


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """One row of task metadata; rows are only ever added."""

    row_id: int
    run: FlowRun
    step_name: str
    task_id: str
    """As shown."""
    field_name: str
    value: Any
    """Usually text, sometimes a JSON list (`foreach-stack`)."""
    type: str
    by: Authorship
    """Its own tags (`attempt_id:<n>`), not the run's."""
    ts_epoch: int


@dataclass(frozen=True, slots=True)
class NewMetadata:
    """A metadata row as sent."""

    field_name: str
    value: Any
    type: str
    by: Authorship


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """A data artifact of one attempt of a task."""

    run: FlowRun
    step_name: str
    task_id: str
    name: str
    attempt_id: int
    location: str | None
    ds_type: str | None
    sha: str | None
    type: str | None
    content_type: str | None
    user_name: str | None
    ts_epoch: int
    task_number: int


@dataclass(frozen=True, slots=True)
class NewArtifact:
    """An artifact row as sent."""

    name: str
    attempt_id: int
    location: str | None
    ds_type: str | None
    sha: str | None
    type: str | None
    content_type: str | None
    by: Authorship


@dataclass(frozen=True, slots=True)
class RunFilter:
    """One condition on runs: any of `alternatives` (operator, value) holds for `field`."""

    field: str
    alternatives: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of rows, newest first; `limit` None means everything, in one piece."""

    limit: int | None = None
    cursor: SortKey | None = None
    """Of the last row of the page before."""
