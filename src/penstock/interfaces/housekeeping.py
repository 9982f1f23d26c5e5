"""What housekeeping asks of the stores: which bytes are referred to, which runs ended long ago, what has expired."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from penstock.domain.ids import Digest, RunId


class LiveBlobs(Protocol):
    """Knows every reference to stored bytes. Blocking; callers use a thread."""

    def live(self) -> Collection[Digest]:
        """Return the digests that any record refers to, of one moment."""
        ...


class GarbageStore(Protocol):
    """The blob store as its collector sees it."""

    def collect_garbage(self, live: Collection[Digest], *, min_age_seconds: float) -> int:
        """Remove what is not in `live` and was stored longer ago than `min_age_seconds`; return the bytes freed."""
        ...


class ExpiringArtifacts(Protocol):
    """Versions of artifacts that have a time to live."""

    def delete_expired(self, *, limit: int = 100) -> int:
        """Delete some of those whose time has passed; return how many."""
        ...


class AttemptFolders(Protocol):
    """Folders that runs left. Blocking."""

    def run_ids(self) -> Sequence[RunId]:
        """Return the runs that have a folder."""
        ...

    def remove_run(self, run_id: RunId) -> None:
        """Remove a run's folder; missing is fine."""
        ...


class EndedRuns(Protocol):
    """Tells finished runs by age. Blocking."""

    def ended_before(self, run_ids: Sequence[RunId], at: float) -> Sequence[RunId]:
        """Return those of `run_ids` that have ended, before `at`."""
        ...
