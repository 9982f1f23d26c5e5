"""Removing a run with everything that hangs on it: rows, attempts' folders, artifacts by policy."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from penstock.domain.ids import RunId
from penstock.interfaces.run_files import BlobReleaser, RunFiles
from penstock.interfaces.run_store import RunStore
from penstock.interfaces.runner import Runner


class ArtifactRetention(StrEnum):
    """What becomes of the artifacts of a deleted run."""

    KEEP = "KEEP"
    """They stay, as upstream does it; the cache goes on using them."""
    DELETE_UNREFERENCED = "DELETE_UNREFERENCED"
    """Those that no other run used are removed; their content when nothing else holds it."""


class RunRemoval:
    """Removes runs. Interrupted at any point it can be repeated: rows go in one transaction, folders after them."""

    def __init__(
        self,
        runs: RunStore,
        runner: Runner,
        files: RunFiles,
        releaser: BlobReleaser,
        *,
        retention: ArtifactRetention = ArtifactRetention.DELETE_UNREFERENCED,
    ) -> None:
        self._runs = runs
        self._runner = runner
        self._files = files
        self._releaser = releaser
        self._retention = retention

    async def remove(self, run_id: RunId) -> None:
        """Stop the run if it is active and remove it; missing parts are fine."""
        await self._runner.discard(run_id)
        digests = await self._runs.delete(run_id, with_artifacts=self._retention is ArtifactRetention.DELETE_UNREFERENCED)
        await asyncio.to_thread(self._files.remove_run, run_id)
        if digests:
            await self._releaser.release(digests)
