"""What the reader of flow failures asks of the store: which attempts failed without a reason yet, and where the reason goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.domain.flows import FlowTask

UNEXPLAINED = "the attempt did not succeed; its log says why"
"""Message of a failed attempt whose log has not been read: Metaflow's client tells that it failed, and not why."""


@dataclass(frozen=True, slots=True)
class UnexplainedAttempt:
    """A failed attempt of a flow's task."""

    task: FlowTask
    attempt: int
    tries: int
    """How often reading its log was tried before."""


class FlowFailureStore(Protocol):
    """A durable queue and its results."""

    async def unexplained(self, *, limit: int, again: bool) -> Sequence[UnexplainedAttempt]:
        """Return attempts to look at, those tried least first; those that were tried before only with `again`."""
        ...

    async def explain(self, item: UnexplainedAttempt, message: str) -> None:
        """Store why it failed and take it from the queue. Safe to repeat.

        Empty: that stays unknown. What else became known of the attempt meanwhile stands.
        """
        ...

    async def put_off(self, item: UnexplainedAttempt) -> None:
        """Count a try that found nothing yet."""
        ...
