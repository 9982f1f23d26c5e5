"""What readers of the pages delete lies in the trash for a while, hidden from every list and client, and can be restored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TrashKind(StrEnum):
    """What can lie in the trash."""

    RUN = "run"
    """A run of a pipeline with its tasks."""
    TRACKED_RUN = "tracked_run"
    VERSION = "version"
    """A version of an artifact."""
    ARTIFACT = "artifact"
    """The bytes of an output of a pipeline; its row stays for runs, lineage and clients."""
    COLLECTION = "collection"
    """A collection with its versions, or with its links."""
    PIPELINE = "pipeline"
    """A pipeline with its versions; its runs stay."""
    PIPELINE_VERSION = "pipeline_version"
    EXPERIMENT = "experiment"
    """An experiment with its runs and recurring runs."""
    SCHEDULE = "schedule"
    """A recurring run or trigger; its runs stay."""
    PROJECT = "project"
    """A project of tracked runs with everything in it."""


@dataclass(frozen=True, slots=True)
class TrashItem:
    """One thing in the trash."""

    item_id: int
    kind: TrashKind
    subject: str
    """Id of the thing: of a run, or a number as text."""
    title: str
    place: str
    """Pipeline of a run or version, `entity/project` of what is tracked; empty for the others."""
    entity: str
    """Whose it is; empty for what belongs to pipelines."""
    size_bytes: int | None
    batch: str
    """Common to what was deleted together."""
    user_name: str
    trashed_at: float
    due_at: float
    """When it is removed for good."""
