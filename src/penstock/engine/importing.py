"""Performs `ImportArtifact`: registers an artifact that exists already, without reading it.

Semantics: KFP protocol notes, section 4.9.
"""

from __future__ import annotations

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import UnavailableError
from penstock.domain.ids import ArtifactId, RunId
from penstock.engine.commands import ImportArtifact
from penstock.interfaces.clock import IdSource
from penstock.interfaces.importing import WorkspaceStager
from penstock.interfaces.journal import RunJournal

WORKSPACE_MARK = "_kfp_workspace"
"""Metadata entry by which the SDK's executor looks for the artifact below the workspace."""


class ArtifactImporter:
    """Finds or makes the artifact of an importer task."""

    def __init__(self, journal: RunJournal, ids: IdSource, stager: WorkspaceStager | None = None) -> None:
        self._journal = journal
        self._ids = ids
        self._stager = stager

    async def perform(self, run_id: RunId, command: ImportArtifact) -> ArtifactRef:
        """Return the artifact, reusing an identical one unless the task says otherwise. Safe to repeat.

        Raises:
            UnavailableError: its content was to be copied into the workspace and cannot be.
        """
        metadata = dict(command.metadata)
        if command.download_to_workspace:
            metadata[WORKSPACE_MARK] = True
        wanted = ArtifactRef(ArtifactId(0), command.output_key, command.type, command.uri, metadata)
        artifact = None if command.reimport else await self._journal.find_identical_artifact(wanted)
        if artifact is None:
            artifact = await self._new(wanted)
        if command.download_to_workspace:
            if self._stager is None:
                raise UnavailableError("this server has no workspace to copy the artifact to")
            await self._stager.stage(run_id, artifact)
        return artifact

    async def _new(self, wanted: ArtifactRef) -> ArtifactRef:
        known = await self._journal.find_content(wanted.uri)
        return ArtifactRef(
            artifact_id=ArtifactId(self._ids.new_int()),
            name=wanted.name,
            type=wanted.type,
            uri=wanted.uri,
            metadata=wanted.metadata,
            digest=None if known is None else known.digest,
            size_bytes=None if known is None else known.size_bytes,
            is_directory=known is not None and known.is_directory,
        )
