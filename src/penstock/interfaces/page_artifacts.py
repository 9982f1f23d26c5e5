"""What the pages about stored artifacts ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.interfaces.pages import ArtifactItem, ArtifactUse, ListQuery, Page


@dataclass(frozen=True, slots=True)
class ArtifactView:
    """What the artifact page shows."""

    artifact: ArtifactItem
    uses: Sequence[ArtifactUse]
    """Consumers, newest first, at most 100."""
    same_bytes: Sequence[ArtifactItem]
    """Other artifacts with the same digest, at most 20."""
    siblings: Sequence[ArtifactItem]
    """The same output of the same task name in other runs of the pipeline, newest first: its versions."""


@dataclass(frozen=True, slots=True)
class OutputItem:
    """One output of one task over the runs of a pipeline; every artifact that came out of it is a version."""

    pipeline_name: str
    task_name: str
    output_key: str
    type: str
    artifact_count: int
    size_bytes: int
    """Of all together."""
    newest_id: int
    """The last artifact."""
    updated_at: float
    last_used_at: float | None
    """When a task last read one of them."""
    run_id: str
    run_name: str
    """The run that made the last one."""


class ArtifactPages(Protocol):
    """Stored artifacts and their lineage."""

    async def outputs(self, *, namespace: str = "", limit: int = 10_000) -> tuple[Sequence[OutputItem], bool]:
        """Group the newest `limit` artifacts by the output they came from, last made first; also whether there are more artifacts.
        With a namespace only those of its runs are grouped.
        """
        ...

    async def list_artifacts(self, query: ListQuery) -> Page[ArtifactItem]:
        """Return artifacts. Sorts: `created`, `name`, `size`."""
        ...

    async def metadata(self, artifact_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        """Return the metadata of artifacts, of at most 1,000."""
        ...

    async def artifact(self, artifact_id: int) -> ArtifactView | None:
        """Return one artifact, or None."""
        ...

    async def of_runs(
        self, run_ids: Sequence[str], types: Sequence[str] = (), *, direction: str = "output", limit: int = 1000
    ) -> Sequence[ArtifactUse]:
        """Return what tasks of these runs put out (cached outputs included) or took in, restricted to `types` when given; the first
        `limit` by time.
        """
        ...
