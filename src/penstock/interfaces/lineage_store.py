"""Neighbours and names of lineage nodes, asked level by level.

Every method takes many keys and costs a fixed number of statements, whatever their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.domain.ids import Digest
from penstock.domain.lineage import LineageEdge, LineageNode


@dataclass(frozen=True, slots=True)
class UnreadVersion:
    """A committed artifact version whose contents are not known to the store yet."""

    version_id: int
    project_id: int
    manifest: Digest


class LineageStore(Protocol):
    """The recorded edges of all three worlds as one graph."""

    async def find(self, ref: str) -> str | None:
        """Return the key of what `ref` names; None when there is no such thing.

        Raises:
            InvalidArgumentError: `ref` is of no known form.
        """
        ...

    async def upstream(self, keys: Iterable[str], *, limit: int, is_expanded: bool) -> tuple[Sequence[LineageEdge], bool]:
        """Return the edges that end in `keys`, and whether there are more than `limit` of one sort.

        Args:
            keys: node keys; unknown ones have no edges.
            limit: rows read per statement at most.
            is_expanded: include `contains` edges.
        """
        ...

    async def downstream(self, keys: Iterable[str], *, limit: int, is_expanded: bool) -> tuple[Sequence[LineageEdge], bool]:
        """Return the edges that begin in `keys`; as `upstream` otherwise."""
        ...

    async def describe(self, keys: Iterable[str], *, names: int) -> Mapping[str, LineageNode]:
        """Return a node for every key, with at most `names` names each; nodes of what is gone have none."""
        ...

    async def unread_versions(self, *, max_files: int, limit: int) -> Sequence[UnreadVersion]:
        """Return committed versions of at most `max_files` entries that `add_contents` was not called for, oldest first."""
        ...

    async def add_contents(self, contents: Mapping[UnreadVersion, Sequence[str]]) -> None:
        """Note the MD5 digests (hex) of the entries of versions; references are left out. Safe to repeat."""
        ...
