"""What each user opened or made last, over all kinds of objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MOST_KEPT = 200
"""Of one user; the oldest go first."""


@dataclass(frozen=True, slots=True)
class RecentObject:
    """Something that a user opened or made, as it is called now."""

    kind: str
    """`run`, `flow` (a run of one), `pipeline`, `experiment`, `recurring`, `artifact`, `project`, `tracked`, `collection`, `sweep`,
    `report`."""
    object_id: str
    """Of what is tracked: its address without the first slash, not yet encoded."""
    title: str
    detail: str
    """Where it belongs: its pipeline, its project."""
    at: float
    is_made: bool
    """The user made it; otherwise opened it."""
    state: str = ""
    """Of a run of any kind, in the words of its table."""
    entity: str = ""
    """Whose it is; empty for what belongs to pipelines and flows."""


class RecentObjects(Protocol):
    """Memory of what users had in hand."""

    async def note(self, user_name: str, kind: str, object_id: str, *, at: float, is_made: bool = False) -> None:
        """Remember that the user opened or made the object now; what was made stays made."""
        ...

    async def list(self, user_name: str, *, namespace: str = "", limit: int = 8) -> Sequence[RecentObject]:
        """Return what the user had in hand last, newest first: noted objects that still exist and are not in the trash, and runs that the
        user's wandb and Metaflow clients made (of the newest 500 of each).
        """
        ...
