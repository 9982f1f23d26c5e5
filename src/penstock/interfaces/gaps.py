"""Where counts of unanswered requests are kept. Methods block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.domain.gaps import Gap


class GapStore(Protocol):
    """Keeps the counts."""

    def add(self, gaps: Sequence[Gap]) -> None:
        """Add `seen` of each to what is kept; may return before it is durable."""
        ...

    def list(self, *, limit: int) -> Sequence[Gap]:
        """Return gaps, most seen first."""
        ...
