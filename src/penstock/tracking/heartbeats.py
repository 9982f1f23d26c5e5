"""Signs of life: when a run was last heard of, and from when on silence counts as a crash (wandb.md 6.5).

Heartbeats arrive with every request of every writer, so they are kept in memory and written to the store now and then; a restart
forgets at most `FLUSH_SECONDS` of them, and the first judgement after a start waits a full limit, because clients could not reach
the server while it was down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from penstock.domain.ids import TrackedRunId
from penstock.domain.tracking import TrackedRun
from penstock.interfaces.clock import Clock
from penstock.interfaces.tracking_store import SHARED_SILENCE_SECONDS, TrackedRunStore

FLUSH_SECONDS = 15.0
_JUDGE_SECONDS = 5.0
DEFAULT_SILENCE_SECONDS = 300.0
"""Clients post at least every 30 s; ten missed ones are a crash."""


class Heartbeats:
    """Times of last heartbeats and the judgement over silent runs. Lives on the event loop."""

    def __init__(self, store: TrackedRunStore, clock: Clock, *, silence_seconds: float = DEFAULT_SILENCE_SECONDS) -> None:
        self._store = store
        self._clock = clock
        self.silence_seconds = silence_seconds
        self._last: dict[TrackedRunId, float] = {}
        self._unsaved: set[TrackedRunId] = set()
        self._started_at = clock.now()
        self._judged_at = float("-inf")

    def beat(self, run_id: TrackedRunId, at: float) -> None:
        """Note that the run was heard of at `at`."""
        self._last[run_id] = max(at, self._last.get(run_id, at))
        self._unsaved.add(run_id)

    def forget(self, run_id: TrackedRunId) -> None:
        """The run ended or is gone."""
        self._last.pop(run_id, None)
        self._unsaved.discard(run_id)

    def with_last(self, run: TrackedRun) -> TrackedRun:
        """Return `run` with the newest heartbeat known."""
        last = self._last.get(run.run_id, run.heartbeat_at)
        return run if last <= run.heartbeat_at else replace(run, heartbeat_at=last)

    def is_silent(self, run: TrackedRun) -> bool:
        """Whether a live run has been silent for longer than the limit."""
        if not run.state.is_live or run.is_automatic:
            return False
        last = max(self._last.get(run.run_id, run.heartbeat_at), self._started_at)
        return self._clock.now() - last > self.silence_seconds

    async def flush(self) -> None:
        """Write unsaved heartbeats to the store."""
        beats = {run_id: self._last[run_id] for run_id in self._unsaved if run_id in self._last}
        self._unsaved.clear()
        if beats:
            await self._store.beat(beats)

    async def collect_silent(self, *, force: bool = False) -> Sequence[TrackedRun]:
        """End silent live runs, most as crashed, and return them. Without `force` at most once in a few seconds."""
        now = self._clock.now()
        if not force and now - self._judged_at < _JUDGE_SECONDS:
            return ()
        self._judged_at = now
        if now - self._started_at <= self.silence_seconds:
            return ()
        await self.flush()
        crashed = await self._store.crash_silent(
            now - self.silence_seconds, shared_before=now - min(self.silence_seconds, SHARED_SILENCE_SECONDS)
        )
        for run in crashed:
            self.forget(run.run_id)
        return crashed
