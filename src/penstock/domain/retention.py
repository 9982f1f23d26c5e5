"""What may go because it is old: a rule that says so, and what following it would free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.domain.trash import TrashKind

RETAINED: tuple[TrashKind, ...] = (TrashKind.RUN, TrashKind.TRACKED_RUN, TrashKind.VERSION)
"""Kinds of things that a rule may be about."""


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Which things are old. What carries a name stays whatever its age: see `interfaces.retention.RetentionStore`."""

    kinds: Sequence[TrashKind] = (TrashKind.RUN,)
    """Of `RETAINED`."""
    days: float = 30.0
    """Things that ended, or were made, longer ago."""
    keep_newest: int = 10
    """So many of each pipeline, project and collection stay."""


@dataclass(frozen=True, slots=True)
class OldThing:
    """Something that a rule takes."""

    kind: TrashKind
    subject: str
    """Id as the trash knows it."""
    title: str
    place: str
    """Pipeline of a run; `entity/project` of what is tracked."""
    entity: str
    """Whose it is; empty for what belongs to pipelines."""
    at: float
    """When it ended or was made."""


@dataclass(frozen=True, slots=True)
class FreedPlace:
    """What would go from one pipeline or project."""

    kind: TrashKind
    place: str
    things: int
    freed_bytes: int
    """Contents that nothing else needs; each counts at the first place that has it."""
    oldest_at: float


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What following a rule would do now."""

    places: Sequence[FreedPlace]
    """Those that free most first."""
    things: Sequence[OldThing]
    """Everything that would go, the oldest first."""
    freed_bytes: int
    """Of contents that only these things hold, each counted once."""
    shared_bytes: int
    """Of contents that something else needs: they stay."""
    log_bytes: int
    """Logs and working files of the runs among them."""
    is_cut: bool
    """There are more old things than one round takes."""
    is_exact: bool
    """False: not everything that stays could be looked into, so that less may be freed."""
