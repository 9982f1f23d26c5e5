"""Frees what nothing refers to any more: expired artifact versions, bytes without a reference, folders of runs that ended long ago.

Order matters: versions and folders go first, so that the same round can free their bytes. A round may be interrupted anywhere; the next
one does what is left. The first round waits, so that attempts and uploads of an earlier server are on record again before anything goes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.background.loop_tasks import end
from penstock.interfaces.clock import Clock
from penstock.interfaces.housekeeping import AttemptFolders, EndedRuns, ExpiringArtifacts, GarbageStore, LiveBlobs, UnusedContents

_log = logging.getLogger(__name__)
_DAY_SECONDS = 86400.0
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Retention:
    """What an operator may choose."""

    every_seconds: float = 3600.0
    """Between rounds; 0 switches rounds off."""
    min_age_seconds: float = _DAY_SECONDS
    """Bytes stored more recently stay: whoever put them may not have noted the reference yet."""
    run_folder_days: float = 0.0
    """Days after a run's end at which its folder (logs, working files) goes; 0: it stays as long as the run."""


class BlobCollector:
    """A background service with `start` and `stop`; `collect` is one round."""

    def __init__(
        self,
        blobs: GarbageStore,
        live: LiveBlobs,
        artifacts: Sequence[ExpiringArtifacts],
        contents: UnusedContents,
        folders: AttemptFolders,
        runs: EndedRuns,
        clock: Clock,
        retention: Retention,
    ) -> None:
        self._blobs = blobs
        self._live = live
        self._artifacts = artifacts
        self._contents = contents
        self._folders = folders
        self._runs = runs
        self._clock = clock
        self._retention = retention
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin waiting for the first round."""
        if self._retention.every_seconds > 0:
            self._task = asyncio.create_task(self._run(), name="blob-collector")

    async def stop(self) -> None:
        """Stop; a round that is under way in a thread is waited for, since it uses the stores."""
        await end(self._task)
        self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._retention.every_seconds)
            round_ = asyncio.ensure_future(asyncio.to_thread(self.collect))
            try:
                await asyncio.shield(round_)
            except asyncio.CancelledError:
                await asyncio.wait((round_,))
                raise
            except Exception:
                # Nothing is lost but room; the next round tries again.
                _log.exception("what is no longer needed could not be removed")

    def collect(self) -> int:
        """Do one round, blocking; return the bytes freed in the blob store.

        Raises:
            UnavailableError: references could not be read; nothing was freed.
        """
        for artifacts in self._artifacts:
            while artifacts.delete_expired(limit=_BATCH) == _BATCH:
                continue
        self._contents.release(before=self._clock.now() - self._retention.min_age_seconds)
        if self._retention.run_folder_days > 0:
            limit = self._clock.now() - self._retention.run_folder_days * _DAY_SECONDS
            for run_id in self._runs.ended_before(self._folders.run_ids(), limit):
                self._folders.remove_run(run_id)
        return self._blobs.collect_garbage(self._live.live(), min_age_seconds=self._retention.min_age_seconds)
