"""What importer tasks need from outside the engine."""

from __future__ import annotations

from typing import Protocol

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.ids import RunId


class WorkspaceStager(Protocol):
    """Puts artifacts into the directory that a run's tasks share."""

    async def stage(self, run_id: RunId, artifact: ArtifactRef) -> None:
        """Copy the content of `artifact` to `<workspace>/.artifacts/<scheme>/<rest of the uri>`; safe to repeat.

        Raises:
            UnavailableError: the content is not here or cannot be copied; the message says why.
        """
        ...
