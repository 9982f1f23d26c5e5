"""Event triggers: notes what they wait for, decides what was noted, starts runs.

Events are rows. The database notes runs, metrics, versions and aliases in the transaction that writes them; deliveries to a webhook
are noted before they are answered; changes of files when they are seen. Deciding is safe to interrupt and to repeat: the run's id
follows from trigger and subject, so a run that was created just before a crash is found, not made twice.
"""

from __future__ import annotations

import hmac
import logging
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from penstock.domain.catalog import RecurringRun
from penstock.domain.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    NotFoundError,
    PenstockError,
    PermissionDeniedError,
    UnavailableError,
)
from penstock.domain.ids import RecurringRunId, RunId
from penstock.domain.runs import RecurringRunChanged
from penstock.domain.triggers import EventDecision, EventKind, EventOutcome, EventSubject, EventTrigger, NotedEvent
from penstock.interfaces.catalog_store import RecurringRunStore
from penstock.interfaces.clock import Clock
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.trigger_store import TriggerStore
from penstock.pipelines.conjunctions import Conjunctions, OpenEvents
from penstock.pipelines.event_facts import lack
from penstock.pipelines.event_rules import mismatch, refusal, trigger_facts
from penstock.pipelines.macros import MacroValues, asked_facts, expand_parameters
from penstock.pipelines.recurring_runs import MAX_NAME, digest_of, request_of
from penstock.pipelines.runs import PreparedRun, RunRequest, RunService, Scheduled, read_texts

_AT_ONCE = 50
"""Events of one trigger that are decided in one round."""
_RECHECK_SECONDS = 60.0
_log = logging.getLogger(__name__)


class FileProbe(Protocol):
    """Looks at files of the server's machine."""

    async def fingerprint(self, path: str) -> str:
        """Return a text that differs when the file or anything in the folder differs; empty when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class TriggerTest:
    """What the newest event of the past would have started."""

    subject: EventSubject | None
    """The event; None when there never was one."""
    refused: str = ""
    """Why it would not fire; empty when it would."""
    run: PreparedRun | None = None
    """The run that it would start."""


class TriggerService:
    """What the server does with events, and people with triggers."""

    def __init__(
        self,
        store: TriggerStore,
        recurring_runs: RecurringRunStore,
        runs: RunService,
        files: FileProbe,
        *,
        clock: Clock,
        notifier: Notifier,
    ) -> None:
        self._store = store
        self._recurring_runs = recurring_runs
        self._runs = runs
        self._files = files
        self._clock = clock
        self._notifier = notifier
        self._seen: dict[tuple[str, str], str] = {}
        self._conjunctions = Conjunctions(store, self._start, clock)

    async def fire_due(self) -> float | None:
        """Decide the events that are due; return when to look again by the clock, None for only after news.

        Raises:
            UnavailableError: the store could not be reached; what was not recorded is decided again at the next call.
        """
        wake: float | None = None
        joint: dict[str, list[OpenEvents]] = defaultdict(list)
        for recurring, active, events in await self._store.open_events(limit=_AT_ONCE):
            trigger = recurring.trigger.event
            if trigger is not None and trigger.together:
                joint[trigger.together].append((recurring, active, events))
                continue
            is_held = await self._decide_all(recurring, active, events)
            if is_held or len(events) == _AT_ONCE:
                wake = self._clock.now() + (_RECHECK_SECONDS if is_held else 0.0)
        for together, waiting in joint.items():
            if await self._conjunctions.decide(together, waiting):
                wake = self._clock.now() + _RECHECK_SECONDS
        return wake

    async def look_at_files(self) -> bool:
        """Note changes of watched files that have come to rest; return whether any file is watched.

        A change counts when two looks in a row see the same, so that a file that is being written does not fire for every part.
        """
        watching = await self._store.watching(EventKind.FILE)
        for recurring in watching:
            assert recurring.trigger.event is not None
            await self._look_at(recurring, recurring.trigger.event.path)
        return bool(watching)

    async def deliver(self, recurring_run_id: RecurringRunId, token: str, payload: Any, *, delivery: str = "") -> bool:
        """Note a delivery to a webhook; once this returns it fires exactly once. False: `delivery` came before and counts once.

        Raises:
            NotFoundError: no such webhook, or its trigger is disabled.
            PermissionDeniedError: the token is wrong.
        """
        recurring = await self._recurring_runs.get(recurring_run_id)
        event = None if recurring is None else recurring.trigger.event
        if recurring is None or event is None or event.kind is not EventKind.WEBHOOK:
            raise NotFoundError("there is no such webhook")
        if not hmac.compare_digest(digest_of(token), event.token_digest):
            raise PermissionDeniedError("the token of the webhook is wrong")
        if not recurring.is_enabled:
            raise NotFoundError("the trigger of this webhook is disabled")
        facts = {"kind": "webhook", "payload": payload} | (dict(payload) if isinstance(payload, Mapping) else {})
        subject = f"delivery:{delivery or uuid.uuid4()}"
        is_new = await self._store.note(recurring_run_id, subject, source="webhook", at=self._clock.now(), facts=facts)
        self._notifier.publish(RecurringRunChanged(recurring_run_id))
        return is_new

    async def publish(self, name: str, payload: Any, *, delivery: str = "") -> int:
        """Note a named event for every enabled trigger that waits for it; each fires exactly once. Returns how many there are."""
        facts = {"kind": "webhook", "name": name, "payload": payload} | (dict(payload) if isinstance(payload, Mapping) else {})
        subject = f"delivery:{delivery or uuid.uuid4()}"
        waiting = [
            recurring
            for recurring in await self._store.watching(EventKind.WEBHOOK)
            if recurring.trigger.event is not None and recurring.trigger.event.name == name
        ]
        for recurring in waiting:
            await self._store.note(recurring.recurring_run_id, subject, source="webhook", at=self._clock.now(), facts=facts)
            self._notifier.publish(RecurringRunChanged(recurring.recurring_run_id))
        return len(waiting)

    async def test(self, recurring_run_id: RecurringRunId) -> TriggerTest:
        """Say what the newest event of the past would have started; nothing is started or noted.

        Raises:
            NotFoundError: no such recurring run.
            InvalidArgumentError: it is a schedule.
        """
        recurring = await self._recurring_runs.get(recurring_run_id)
        if recurring is None:
            raise NotFoundError(f"recurring run {recurring_run_id} not found")
        trigger = recurring.trigger.event
        if trigger is None:
            raise InvalidArgumentError("a schedule does not wait for events")
        subject = await self._store.last_subject(recurring_run_id, trigger)
        if subject is None:
            return TriggerTest(None, "nothing of this kind has happened yet")
        if refused := mismatch(trigger, subject.facts):
            return TriggerTest(subject, refused)
        facts = trigger_facts(trigger, subject.facts)
        if missing := lack(recurring.parameters, facts):
            return TriggerTest(subject, missing)
        refused = refusal(trigger, recurring_run_id, chain=await self._chain(subject), fired_in_hour=await self._fired(recurring))
        scheduled = Scheduled(
            recurring_run_id,
            RunId(str(uuid.UUID(int=0))),
            self._clock.now(),
            recurring.trigger_index + 1,
            facts,
        )
        return TriggerTest(subject, refused, await self._runs.prepare(request_of(recurring), scheduled=scheduled))

    async def parameters_by_hand(self, recurring_run_id: RecurringRunId) -> Mapping[str, Any]:
        """Return what a run that a person starts takes: planned for now, and told of the newest event where parameters ask for one.

        Raises:
            NotFoundError: no such recurring run, or its pipeline is gone.
            InvalidArgumentError: the newest event does not say what they ask for, or there never was one.
        """
        recurring = await self._recurring_runs.get(recurring_run_id)
        if recurring is None:
            raise NotFoundError(f"recurring run {recurring_run_id} not found")
        trigger, now, facts = recurring.trigger.event, self._clock.now(), None
        if trigger is not None and asked_facts(recurring.parameters):
            subject = await self._store.last_subject(recurring_run_id, trigger)
            if subject is None:
                raise InvalidArgumentError("its parameters ask for an event, and nothing of this kind has happened yet")
            facts = trigger_facts(trigger, subject.facts)
            if missing := lack(recurring.parameters, facts):
                raise InvalidArgumentError(missing)
        # The run has no id yet: what asks for it is filled in when the run is created.
        values = MacroValues(RunId("[[RunUUID]]"), now, scheduled_at=now, index=recurring.trigger_index + 1, event=facts)
        _, plan, _ = await self._runs.resolve(request_of(recurring))
        return read_texts(plan, expand_parameters(recurring.parameters, values))

    async def history(self, recurring_run_id: RecurringRunId, *, limit: int = 100, before: int | None = None) -> Sequence[NotedEvent]:
        """Return the newest events, newest first; of those before the event of that number when one is given."""
        return await self._store.history(recurring_run_id, limit=limit, before=before)

    async def _look_at(self, recurring: RecurringRun, path: str) -> None:
        key = (recurring.recurring_run_id, path)
        found = await self._files.fingerprint(path)
        known = await self._store.newest(recurring.recurring_run_id, "file")
        if known is not None and known.subject == f"file:{path}:{found}":
            self._seen.pop(key, None)
            return
        if self._seen.get(key) != found:
            self._seen[key] = found
            if known is not None:
                return
        is_first = known is None or known.facts.get("path") != path
        await self._store.note(
            recurring.recurring_run_id,
            f"file:{path}:{found}",
            source="file",
            at=self._clock.now(),
            facts={"kind": "file", "path": path, "is_there": bool(found)},
            is_decided=is_first or not found,
        )
        self._seen.pop(key, None)

    async def _decide_all(self, recurring: RecurringRun, active: int, events: Sequence[NotedEvent]) -> bool:
        """Decide events of a trigger, oldest first; return whether some wait for a run to end."""
        trigger = recurring.trigger.event
        free = recurring.max_concurrency - active
        index = recurring.trigger_index
        unmatched: list[int] = []
        is_held = False
        for event in events:
            subject = await self._store.subject(event) if trigger else None
            if trigger is None or subject is None or mismatch(trigger, subject.facts):
                unmatched.append(event.event_id)
                continue
            if not recurring.is_enabled:
                await self._store.decide(self._skipped(event, subject, "the trigger was disabled before its turn came"))
                continue
            chain = await self._chain(subject)
            refused = refusal(trigger, recurring.recurring_run_id, chain=chain, fired_in_hour=await self._fired(recurring))
            if refused := refused or lack(recurring.parameters, trigger_facts(trigger, subject.facts)):
                await self._store.decide(self._skipped(event, subject, refused, chain))
                continue
            if free <= 0:
                is_held = True
                break
            decision = await self._fire(recurring, trigger, event, subject, chain, index + 1)
            await self._store.decide(decision)
            if decision.outcome is EventOutcome.FIRED:
                free, index = free - 1, index + 1
        if unmatched:
            await self._store.forget(unmatched)
        return is_held

    async def _fire(
        self, recurring: RecurringRun, trigger: EventTrigger, event: NotedEvent, subject: EventSubject, chain: Sequence[str], index: int
    ) -> EventDecision:
        run_id = event_run_id(recurring.recurring_run_id, event.subject)
        facts = trigger_facts(trigger, subject.facts)
        request = replace(request_of(recurring), name=f"{recurring.display_name[: MAX_NAME - 30]}-{index}-{run_id[:8]}")
        decided = EventDecision(
            event.event_id,
            recurring.recurring_run_id,
            EventOutcome.FIRED,
            self._clock.now(),
            run_id=run_id,
            facts=facts,
            chain=(*chain, recurring.recurring_run_id),
        )
        reason = await self._start(request, Scheduled(recurring.recurring_run_id, run_id, event.at, index, facts))
        return replace(decided, outcome=EventOutcome.ERROR, reason=reason, run_id=None) if reason else decided

    async def _start(self, request: RunRequest, scheduled: Scheduled) -> str:
        try:
            await self._runs.create(request, scheduled=scheduled)
        except AlreadyExistsError:
            return ""  # created before a crash that came before the decision was recorded
        except UnavailableError:
            raise
        except PenstockError as error:
            return str(error)
        except Exception as error:
            # A fault with one trigger must not keep the others from firing; it is told where people look.
            _log.exception("trigger %s could not fire", scheduled.recurring_run_id)
            return f"internal error: {error}"
        return ""

    def _skipped(self, event: NotedEvent, subject: EventSubject, reason: str, chain: Sequence[str] = ()) -> EventDecision:
        return EventDecision(
            event.event_id, event.recurring_run_id, EventOutcome.SKIPPED, self._clock.now(), reason, facts=subject.facts, chain=chain
        )

    async def _chain(self, subject: EventSubject) -> Sequence[str]:
        return () if subject.origin_run_id is None else await self._store.chain_of(subject.origin_run_id)

    async def _fired(self, recurring: RecurringRun) -> int:
        return await self._store.fired_since(recurring.recurring_run_id, self._clock.now() - 3600.0)


def event_run_id(recurring_run_id: RecurringRunId, subject: str) -> RunId:
    """Return the id of the run that a trigger makes for an event; always the same, so that none is made twice."""
    if subject.startswith("metric:"):
        subject = subject.rpartition(":")[0]  # without the task: several tasks of a run may log it, the run counts once
    return RunId(str(uuid.uuid5(uuid.NAMESPACE_OID, f"{recurring_run_id}!{subject}")))
