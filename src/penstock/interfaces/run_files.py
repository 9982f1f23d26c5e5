"""What runs leave in the data folder: logs of attempts, and folders to remove with a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from penstock.domain.ids import Digest, RunId, TaskId


class RunFiles(Protocol):
    """Files of attempts. Blocking; callers run it in threads. Ids are checked: nothing outside the runs folder is reached."""

    def attempts(self, run_id: RunId, task_id: TaskId) -> Sequence[int]:
        """Return the numbers of attempts that have a log, ascending."""
        ...

    def log_size(self, run_id: RunId, task_id: TaskId, attempt: int) -> int | None:
        """Return the bytes written so far, or None when there is no log."""
        ...

    def read_log(self, run_id: RunId, task_id: TaskId, attempt: int, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield the log from `offset` to its present end (or `length` bytes), in chunks; nothing when there is no log."""
        ...

    def remove_run(self, run_id: RunId) -> None:
        """Remove everything the run left; missing is fine."""
        ...


class BlobReleaser(Protocol):
    """Told about blobs that lost a reference; frees those that nothing refers to any more."""

    async def release(self, digests: Sequence[Digest]) -> None:
        """Consider the blobs for removal; those still referred to stay."""
        ...
