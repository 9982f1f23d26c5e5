"""What people say about outputs of pipelines: texts, names, time to live, who changed them. Clients of pipelines see none of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.domain.versions import VersionChange


@dataclass(frozen=True, slots=True)
class ArtifactNote:
    """What is noted of one artifact."""

    description: str = ""
    """Markdown."""
    aliases: Sequence[str] = ()
    """Names that are at this artifact and at no other of the same output."""
    tags: Sequence[str] = ()
    """Words that any artifact may have."""
    ttl_seconds: int | None = None
    """From its creation; None: it is kept until somebody deletes it."""
    expires_at: float | None = None
    """When it is let go."""
    ended_at: float | None = None
    """It was deleted, or its time to live has passed: nothing is reused from it any more."""
    is_released: bool = False
    """It does not hold its bytes any more; they may be there for others."""
    is_trashed: bool = False
    """It lies in the trash."""


@dataclass(frozen=True, slots=True)
class NoteChange:
    """What an edit makes of a note; nothing else changes."""

    description: str
    aliases: Sequence[str]
    """Each leaves the artifact of the same output that has it now."""
    tags: Sequence[str]
    ttl_seconds: int | None


@dataclass(frozen=True, slots=True)
class ArtifactHolders:
    """Who still refers to an artifact or its bytes; at most 200 of each."""

    readers: Sequence[tuple[str, str, str]]
    """(run id, run name, task name) that took it in, newest first."""
    reusers: Sequence[tuple[str, str, str]]
    """(run id, run name, task name) that reused it instead of making their own."""
    open_runs: Sequence[tuple[str, str]]
    """(run id, name) of those among them that are not over."""
    results: int
    """Results kept for reuse that name it."""
    same_bytes: int
    """Other records that hold the same bytes: artifacts, versions, files. The bytes stay for them."""


class ArtifactNotes(Protocol):
    """Notes on stored artifacts."""

    async def note(self, artifact_id: int) -> ArtifactNote:
        """Return what is noted; an empty note for what nobody wrote about."""
        ...

    async def edit(self, artifact_id: int, change: NoteChange, *, by: str, at: float) -> None:
        """Write down a change, and who made it.

        Raises:
            NotFoundError: there is no such artifact.
            ConflictError: it was deleted, or its time to live has passed and its bytes were let go.
        """
        ...

    async def changes(self, artifact_id: int, *, limit: int = 200) -> Sequence[VersionChange]:
        """Return the history of an artifact, last first."""
        ...

    async def holders(self, artifact_id: int) -> ArtifactHolders:
        """Return who refers to it."""
        ...

    async def aliases_of(self, outputs: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Sequence[tuple[str, int]]]:
        """Return (alias, artifact) of outputs, each (pipeline, task, output)."""
        ...

    async def ended(self, artifact_ids: Sequence[int]) -> frozenset[int]:
        """Return those of the artifacts that were deleted or have outlived their time."""
        ...

    async def labels_of(self, artifact_ids: Sequence[int]) -> Mapping[int, ArtifactNote]:
        """Return aliases and tags of several artifacts; those without are left out."""
        ...
