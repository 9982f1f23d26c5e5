"""Triggers that are one condition (`EventTrigger.together`): a run starts when each of them got its event, and takes parameters from all.

An event waits until the others have theirs. When a trigger gets another one meanwhile, the newest counts. What started a run is used up.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.domain.catalog import RecurringRun
from penstock.domain.ids import RunId
from penstock.domain.triggers import EventDecision, EventOutcome, EventSubject, EventTrigger, NotedEvent
from penstock.interfaces.clock import Clock
from penstock.interfaces.trigger_store import TriggerStore
from penstock.pipelines.event_rules import mismatch, refusal, trigger_facts
from penstock.pipelines.macros import MacroValues, expand_parameters
from penstock.pipelines.recurring_runs import MAX_NAME, request_of
from penstock.pipelines.runs import RunRequest, Scheduled

OpenEvents = tuple[RecurringRun, int, Sequence[NotedEvent]]
"""A trigger, how many of its runs are active, and its undecided events, oldest first."""

Start = Callable[[RunRequest, Scheduled], Awaitable[str]]
"""Creates a run; returns why that failed, empty when it is there."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A trigger that has its event."""

    recurring: RecurringRun
    trigger: EventTrigger
    active: int
    event: NotedEvent
    subject: EventSubject
    chain: Sequence[str]

    @property
    def facts(self) -> Mapping[str, Any]:
        return trigger_facts(self.trigger, self.subject.facts)


class Conjunctions:
    """Decides the events of triggers that belong together."""

    def __init__(self, store: TriggerStore, start: Start, clock: Clock) -> None:
        self._store = store
        self._start = start
        self._clock = clock

    async def decide(self, together: str, waiting: Sequence[OpenEvents]) -> bool:
        """Start a run if everything has happened; return whether that has to wait for a run to end. Safe to repeat.

        Raises:
            UnavailableError: the store could not be reached.
        """
        found = [ready for item in waiting if (ready := await self._ready(*item)) is not None]
        if len(found) < len(await self._store.members(together)):
            return False
        found.sort(key=lambda ready: ready.recurring.recurring_run_id)
        first = found[0]
        if first.active >= first.recurring.max_concurrency:
            return True
        await self._fire(together, found)
        return False

    async def _ready(self, recurring: RecurringRun, active: int, events: Sequence[NotedEvent]) -> _Ready | None:
        """The newest event that the trigger waits for; older ones are skipped, others forgotten."""
        trigger = recurring.trigger.event
        assert trigger is not None
        newest: _Ready | None = None
        unmatched = []
        for event in events:
            subject = await self._store.subject(event)
            if subject is None or mismatch(trigger, subject.facts):
                unmatched.append(event.event_id)
                continue
            chain = () if subject.origin_run_id is None else await self._store.chain_of(subject.origin_run_id)
            ready = _Ready(recurring, trigger, active, event, subject, chain)
            if reason := await self._refusal(ready):
                await self._skip(ready, reason)
                continue
            if newest is not None:
                await self._skip(newest, "a newer event came before the others had happened")
            newest = ready
        if unmatched:
            await self._store.forget(unmatched)
        return newest

    async def _refusal(self, ready: _Ready) -> str:
        if not ready.recurring.is_enabled:
            return "the trigger was disabled before its turn came"
        fired = await self._store.fired_since(ready.recurring.recurring_run_id, self._clock.now() - 3600.0)
        return refusal(ready.trigger, ready.recurring.recurring_run_id, chain=ready.chain, fired_in_hour=fired)

    async def _skip(self, ready: _Ready, reason: str) -> None:
        await self._store.decide(replace(self._decision(ready, EventOutcome.SKIPPED), reason=reason, chain=ready.chain))

    async def _fire(self, together: str, found: Sequence[_Ready]) -> None:
        first = found[0].recurring
        run_id = RunId(str(uuid.uuid5(uuid.NAMESPACE_OID, "!".join([together, *(ready.event.subject for ready in found)]))))
        index, at = first.trigger_index + 1, max(ready.event.at for ready in found)
        parameters: dict[str, Any] = {}
        for ready in found:
            values = MacroValues(run_id, self._clock.now(), scheduled_at=at, index=index, event=ready.facts)
            parameters |= expand_parameters(ready.recurring.parameters, values)
        name = f"{first.display_name[: MAX_NAME - 30]}-{index}-{run_id[:8]}"
        request = replace(request_of(first), name=name, parameters=parameters)
        reason = await self._start(request, Scheduled(first.recurring_run_id, run_id, at, index, found[0].facts))
        chain = tuple(dict.fromkeys(name for ready in found for name in (*ready.chain, ready.recurring.recurring_run_id)))
        for ready in found:
            decision = self._decision(ready, EventOutcome.ERROR if reason else EventOutcome.FIRED)
            await self._store.decide(replace(decision, reason=reason, run_id=None if reason else run_id, chain=chain))

    def _decision(self, ready: _Ready, outcome: EventOutcome) -> EventDecision:
        return EventDecision(ready.event.event_id, ready.recurring.recurring_run_id, outcome, self._clock.now(), facts=ready.facts)
