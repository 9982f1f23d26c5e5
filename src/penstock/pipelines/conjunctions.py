"""Triggers that are one condition (`EventTrigger.together`): a run starts when each of them got its event, and takes parameters from all.

An event waits until the others have theirs. When a trigger gets another one meanwhile, the newest counts. What started a run is used up.

A firing has three steps, so that a crash between them neither starts a second run nor uses an event twice: the events are claimed for
the run in one transaction, the run is created under that id, what became of all of them is recorded in one transaction. Claimed events
are finished first, whatever has happened since.
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
from penstock.pipelines.event_facts import lack
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
        if claimed := await self._claimed(waiting):
            await self._fire(together, claimed)
            return False  # how many runs are active was read before this one: the next look decides the rest
        found = [ready for item in waiting if (ready := await self._ready(*item)) is not None]
        if len(found) < len(await self._store.members(together)):
            return False
        found.sort(key=_by_trigger)
        first = found[0]
        if first.active >= first.recurring.max_concurrency:
            return True
        await self._fire(together, found)
        return False

    async def _claimed(self, waiting: Sequence[OpenEvents]) -> list[_Ready]:
        """Events that were claimed for a run before a crash or an outage, whose decision is not recorded."""
        found = []
        for recurring, active, events in waiting:
            trigger = recurring.trigger.event
            assert trigger is not None
            for event in events:
                if event.run_id is not None:
                    subject = await self._store.subject(event) or EventSubject(event.facts)
                    found.append(_Ready(recurring, trigger, active, event, subject, await self._chain(subject)))
        return sorted(found, key=_by_trigger)

    async def _chain(self, subject: EventSubject) -> Sequence[str]:
        return () if subject.origin_run_id is None else await self._store.chain_of(subject.origin_run_id)

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
            ready = _Ready(recurring, trigger, active, event, subject, await self._chain(subject))
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
        refused = refusal(ready.trigger, ready.recurring.recurring_run_id, chain=ready.chain, fired_in_hour=fired)
        return refused or lack(ready.recurring.parameters, ready.facts)

    async def _skip(self, ready: _Ready, reason: str) -> None:
        await self._store.decide(replace(self._decision(ready, EventOutcome.SKIPPED), reason=reason, chain=ready.chain))

    async def _fire(self, together: str, found: Sequence[_Ready]) -> None:
        first = found[0].recurring
        run_id = found[0].event.run_id or RunId(
            str(uuid.uuid5(uuid.NAMESPACE_OID, "!".join([together, *(ready.event.subject for ready in found)])))
        )
        await self._store.claim([ready.event.event_id for ready in found], run_id)
        index, at = first.trigger_index + 1, max(ready.event.at for ready in found)
        parameters: dict[str, Any] = {}
        for ready in found:
            values = MacroValues(run_id, self._clock.now(), scheduled_at=at, index=index, event=ready.facts)
            parameters |= expand_parameters(ready.recurring.parameters, values)
        name = f"{first.display_name[: MAX_NAME - 30]}-{index}-{run_id[:8]}"
        request = replace(request_of(first), name=name, parameters=parameters)
        reason = await self._start(request, Scheduled(first.recurring_run_id, run_id, at, index, found[0].facts))
        chain = tuple(dict.fromkeys(name for ready in found for name in (*ready.chain, ready.recurring.recurring_run_id)))
        outcome = EventOutcome.ERROR if reason else EventOutcome.FIRED
        fired_id = None if reason else run_id
        await self._store.decide_all(
            [replace(self._decision(ready, outcome), reason=reason, run_id=fired_id, chain=chain) for ready in found]
        )

    def _decision(self, ready: _Ready, outcome: EventOutcome) -> EventDecision:
        return EventDecision(ready.event.event_id, ready.recurring.recurring_run_id, outcome, self._clock.now(), facts=ready.facts)


def _by_trigger(ready: _Ready) -> str:
    return str(ready.recurring.recurring_run_id)
