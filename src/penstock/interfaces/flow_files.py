"""Read access to Metaflow datastores that this server can reach, and safe looks into pickles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class DatastoreRoot:
    """Where a task keeps its data, as the client told (`ds-type`, `ds-root` metadata)."""

    kind: str
    """`local` or `s3`; other kinds are known to the client only."""
    root: str
    """Directory, or `s3://bucket/prefix`."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a datastore."""

    name: str
    """Path below the prefix that was listed."""
    size_bytes: int


class FlowFiles(Protocol):
    """Blocking. A root that this server may not or cannot read raises `UnavailableError` with the reason for the user."""

    def read(self, root: DatastoreRoot, path: str, *, offset: int = 0, limit: int) -> bytes | None:
        """Return at most `limit` bytes of the file at `path` below the root, None when there is no such file."""
        ...

    def read_all(self, wanted: Sequence[tuple[DatastoreRoot, str]], *, limit: int) -> Iterator[bytes | None]:
        """The same for many files, one after the other as they are taken; None also for those that cannot be read from here.

        The number of queries does not depend on the number of files.
        """
        ...

    def list(self, root: DatastoreRoot, prefix: str) -> Sequence[StoredFile]:
        """Files whose path below the root starts with the directory `prefix`, at most 1,000."""
        ...

    def list_all(self, wanted: Sequence[tuple[DatastoreRoot, str]]) -> Sequence[Sequence[StoredFile]]:
        """The same for many directories, none for those that cannot be read from here; of stores of objects at most 10,000 files together.

        The number of queries does not depend on the number of directories.
        """
        ...


@dataclass(frozen=True, slots=True)
class PickleSummary:
    """What a look into a pickle showed, without running any code of it."""

    type_name: str
    """Type of the value, for example `list` or `pandas.core.frame.DataFrame`."""
    value: Any
    """Plain JSON when the value consists of plain types, else None."""
    text: str
    """A short representation; objects of other types appear as `<module.Class>`."""


class PickleViewer(Protocol):
    """Looks into pickles in a process of its own, with limits on time and memory."""

    async def look(self, data: bytes) -> PickleSummary:
        """Summarise a pickle.

        Raises:
            InvalidArgumentError: it is not a pickle, or too large or slow to look at.
        """
        ...

    async def look_all(self, items: Sequence[bytes]) -> Sequence[PickleSummary | None]:
        """Summarise small pickles with one process; None for each that cannot be read."""
        ...
