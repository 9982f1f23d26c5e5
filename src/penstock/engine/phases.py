"""Phases of a task inside the engine, which moves between them are legal, and the public state each phase shows as.

The table is the definition: `core` asks it before every move, and `story.draw` makes the diagram in docs/engine.md from it.
A phase says more than a `RuntimeState`: PENDING alone has five of them, each with its own reason for the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from penstock.domain.states import RuntimeState


class Phase(StrEnum):
    """Where a task stands."""

    WAITING = "WAITING"
    """Something it depends on is not final."""
    HELD = "HELD"
    """Ready, but a parallelism limit of its graph, loop or run is reached, or the run is paused."""
    CACHING = "CACHING"
    """The cache is being asked."""
    LAUNCHED = "LAUNCHED"
    """An attempt was handed to the executor and has not started."""
    RUNNING = "RUNNING"
    """An attempt runs."""
    BACKOFF = "BACKOFF"
    """An attempt failed; the next one comes after a delay."""
    IMPORTING = "IMPORTING"
    """An artifact is being registered."""
    ACTIVE = "ACTIVE"
    """A graph or loop whose children are under way."""
    STOPPING = "STOPPING"
    """Asked to stop; its attempt or children have not ended."""
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELED = "CANCELED"


_START = {
    Phase.CACHING: "ready, may be cached",
    Phase.LAUNCHED: "ready",
    Phase.IMPORTING: "ready, importer",
    Phase.ACTIVE: "ready, graph or loop",
    Phase.SKIPPED: "condition false, upstream or fail-fast",
    Phase.FAILED: "condition or inputs in error",
    Phase.CANCELED: "cancel",
}
_AGAIN = {Phase.WAITING: "retry of the run"}

TRANSITIONS: Mapping[Phase, Mapping[Phase, str]] = {
    Phase.WAITING: {Phase.HELD: "ready, limit reached or paused", **_START},
    Phase.HELD: _START,
    Phase.CACHING: {Phase.SUCCEEDED: "hit", Phase.LAUNCHED: "miss", Phase.CANCELED: "cancel"},
    Phase.LAUNCHED: {
        Phase.RUNNING: "attempt started",
        Phase.SUCCEEDED: "attempt succeeded",
        Phase.FAILED: "attempt failed",
        Phase.BACKOFF: "attempt failed, retries left",
        Phase.LAUNCHED: "attempt lost",
        Phase.STOPPING: "cancel",
    },
    Phase.RUNNING: {
        Phase.SUCCEEDED: "attempt succeeded",
        Phase.FAILED: "attempt failed",
        Phase.BACKOFF: "attempt failed, retries left",
        Phase.LAUNCHED: "attempt lost",
        Phase.STOPPING: "cancel",
    },
    Phase.BACKOFF: {Phase.LAUNCHED: "retry due", Phase.CANCELED: "cancel"},
    Phase.IMPORTING: {Phase.SUCCEEDED: "artifact imported", Phase.FAILED: "import failed", Phase.CANCELED: "cancel"},
    Phase.ACTIVE: {
        Phase.SUCCEEDED: "all children final",
        Phase.FAILED: "a child or an output failed",
        Phase.STOPPING: "cancel",
    },
    Phase.STOPPING: {
        Phase.CANCELED: "stopped",
        Phase.SUCCEEDED: "ended before the stop",
        Phase.FAILED: "failed before the stop, or run deadline",
    },
    Phase.SUCCEEDED: _AGAIN,
    Phase.FAILED: _AGAIN,
    Phase.SKIPPED: _AGAIN,
    Phase.CANCELED: _AGAIN,
}
"""From phase to the phases it may move to, each with the event in words."""

PUBLIC_STATE: Mapping[Phase, RuntimeState] = {
    Phase.WAITING: RuntimeState.PENDING,
    Phase.HELD: RuntimeState.PENDING,
    Phase.CACHING: RuntimeState.PENDING,
    Phase.LAUNCHED: RuntimeState.PENDING,
    Phase.RUNNING: RuntimeState.RUNNING,
    Phase.BACKOFF: RuntimeState.PENDING,
    Phase.IMPORTING: RuntimeState.RUNNING,
    Phase.ACTIVE: RuntimeState.RUNNING,
    Phase.STOPPING: RuntimeState.CANCELING,
    Phase.SUCCEEDED: RuntimeState.SUCCEEDED,
    Phase.FAILED: RuntimeState.FAILED,
    Phase.SKIPPED: RuntimeState.SKIPPED,
    Phase.CANCELED: RuntimeState.CANCELED,
}

FINAL = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.SKIPPED, Phase.CANCELED})
NOT_STARTED = frozenset({Phase.WAITING, Phase.HELD})
