"""What housekeeping asks of the stores: which bytes are referred to, which runs ended long ago, what has expired."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.domain.ids import Digest, RunId
from penstock.domain.versions import ContentKey


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
    """Versions of artifacts, or outputs of pipelines, that have a time to live."""

    def delete_expired(self, *, limit: int = 100) -> int:
        """Delete some of those whose time has passed; return how many."""
        ...


class UnusedContents(Protocol):
    """Contents that only deleted versions had. Blocking."""

    def release(self, *, before: float) -> int:
        """Forget those of versions that were deleted before `before`; return how many."""
        ...


@dataclass(frozen=True, slots=True)
class LivingManifest:
    """What a version that is there, or can be restored, consists of."""

    version_id: int
    project_id: int
    manifest: Digest


@dataclass(frozen=True, slots=True)
class Orphans:
    """Contents whose first version is gone, and everything that may need them, of one moment."""

    contents: Sequence[ContentKey]
    living: Sequence[LivingManifest]
    """Of all projects: a manifest may name bytes of another one. Empty when there are no contents."""
    before: float
    """As it was asked for."""
    state: tuple[object, ...]
    """Tells whether versions changed since."""


class OrphanStore(Protocol):
    """Where contents are noted. Blocking."""

    def orphans(self, *, before: float, limit: int) -> Orphans:
        """Return contents whose first version was deleted before `before`; none while a version that began since is on its way in."""
        ...

    def settle(self, orphans: Orphans, *, unused: Collection[ContentKey], heirs: Mapping[ContentKey, int]) -> int:
        """Forget `unused` and give the others their heirs as first version, unless versions changed since; return how many went."""
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
