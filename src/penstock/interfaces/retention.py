"""What retention asks of the stores: which things are old and unnamed, and which bytes only they hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from penstock.domain.ids import Digest
from penstock.domain.retention import OldThing, RetentionRule


@dataclass(frozen=True, slots=True)
class HeldContent:
    """Bytes that an old thing holds."""

    owner: int
    """Place of the thing in the list that was asked about."""
    digest: Digest
    size_bytes: int
    is_tree: bool = False
    """A directory, whose files are contents of their own."""


@dataclass(frozen=True, slots=True)
class HeldManifest:
    """The manifest of an old version: it names contents of its project by MD5."""

    owner: int
    project_id: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class Holdings:
    """What old things hold and what everything else needs, of one moment."""

    contents: Sequence[HeldContent]
    manifests: Sequence[HeldManifest]
    needed: Collection[Digest]
    """Contents that something else refers to."""
    needed_trees: Sequence[Digest]
    """Those of them that are directories."""
    needed_manifests: Sequence[Digest]
    """Of versions that stay, of all projects; empty when no version goes."""
    stored: Mapping[tuple[int, str], tuple[Digest, int]] = field(default_factory=dict)
    """Contents of the projects of `manifests`: (project, MD5 in hex) -> (digest, bytes)."""


class RetentionStore(Protocol):
    """Reads in snapshots; changes nothing."""

    async def old(self, rule: RetentionRule, *, now: float, limit: int) -> Sequence[OldThing]:
        """Return what the rule takes, the oldest first.

        - A run of a pipeline that ended; not one of a flow, nor one whose tasks logged a version that stays by its name.
        - A tracked run that ended; not one that logged such a version.
        - A version without any alias (`latest` is one) in any collection, linked nowhere, and not used by a run since.

        What lies in the trash already is no longer there.
        """
        ...

    async def holdings(self, things: Sequence[OldThing]) -> Holdings:
        """Return what these things hold and what everything else needs. Cost: one pass over the references to contents."""
        ...
