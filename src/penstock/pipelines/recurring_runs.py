"""Use cases of recurring runs: set up, read, change, enable, disable, delete. When they fire is decided in `schedules`."""

from __future__ import annotations

import hashlib
import logging
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from penstock.domain.catalog import RecurringRun, StoredSpec, Tick, TickOutcome, Trigger
from penstock.domain.errors import AlreadyExistsError, ConflictError, InvalidArgumentError, NotFoundError, PenstockError, UnavailableError
from penstock.domain.ids import Digest, ExperimentId, RecurringRunId, RunId
from penstock.domain.runs import RecurringRunChanged
from penstock.domain.triggers import EventKind, RecurringEdit
from penstock.interfaces.catalog_store import RecurringRunStore
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.listing import Page, Predicate
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.trigger_store import EditLog
from penstock.pipelines.definitions import Definitions
from penstock.pipelines.event_facts import check_facts
from penstock.pipelines.filters import RECURRING_RUN_FIELDS
from penstock.pipelines.macros import MacroValues, SampleFacts, expand_parameters
from penstock.pipelines.names import check_name, scheduled_workflow_name
from penstock.pipelines.paging import ListRequest, OpenList, open_list
from penstock.pipelines.runs import RunRequest, RunService, Scheduled, read_texts
from penstock.pipelines.schedules import Decision, check_trigger, decide, describe, next_times
from penstock.spec.parameters import check_parameters

MAX_NAME = 1024
MAX_CONCURRENCY = 10
CHANGED = "Somebody changed this schedule while you edited it. Nothing of yours was saved: compare it with what it is now, and save again."
_RECHECK_SECONDS = 60.0
"""A held-back schedule is told when a run ends here; runs that another server drives are noticed after this time."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecurringRequest:
    """What a client asks for when it sets up a schedule."""

    run: RunRequest
    """What each run is made of; its name is the schedule's."""
    trigger: Trigger
    max_concurrency: int
    no_catchup: bool = False
    is_enabled: bool = False


@dataclass(frozen=True, slots=True)
class RecurringChange:
    """What to change about a schedule; None leaves a part."""

    display_name: str | None = None
    description: str | None = None
    run: RunRequest | None = None
    """Another definition or reference."""
    parameters: Mapping[str, Any] | None = None
    pipeline_root: str | None = None
    service_account: str | None = None
    trigger: Trigger | None = None
    max_concurrency: int | None = None
    no_catchup: bool | None = None
    is_enabled: bool | None = None
    seen_at: float | None = None
    """When the schedule that the caller saw had last been changed; None: whatever it is now is changed."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A planned time that waits because as many runs as may be are active."""

    planned_at: float
    active_runs: int


class RecurringRunService:
    """What people, and the clock, do with schedules."""

    def __init__(
        self,
        store: RecurringRunStore,
        runs: RunService,
        definitions: Definitions,
        *,
        clock: Clock,
        ids: IdSource,
        notifier: Notifier,
        edits: EditLog,
        zone: tzinfo = UTC,
    ) -> None:
        self._edits = edits
        self._store = store
        self._runs = runs
        self._definitions = definitions
        self._clock = clock
        self._ids = ids
        self._notifier = notifier
        self._zone = zone

    async def create(self, request: RecurringRequest) -> RecurringRun:
        """Set up a schedule; its definition and parameters are checked now, so that it does not fail at night.

        Raises:
            InvalidArgumentError: name, trigger, concurrency, definition or parameters are not valid.
            NotFoundError: the experiment, pipeline or version does not exist.
        """
        check_name(request.run.name, label="recurring run display_name", limit=MAX_NAME)
        _check_concurrency(request.max_concurrency)
        now = self._clock.now()
        check_trigger(request.trigger, anchored_at=now, zone=self._zone)
        check_facts(request.trigger.event, request.run.parameters)
        experiment = await self._runs.experiment(request.run.experiment_id)
        digest = await self._checked(request.run, request.run.parameters)
        recurring = RecurringRun(
            recurring_run_id=RecurringRunId(self._ids.new_uuid()),
            display_name=request.run.name,
            description=request.run.description,
            experiment_id=experiment.experiment_id,
            namespace=request.run.namespace,
            trigger=request.trigger,
            max_concurrency=request.max_concurrency,
            no_catchup=request.no_catchup,
            is_enabled=request.is_enabled,
            created_at=now,
            updated_at=now,
            spec_digest=digest,
            pipeline_id=request.run.pipeline_id,
            pipeline_version_id=request.run.pipeline_version_id,
            parameters=request.run.parameters,
            pipeline_root=request.run.pipeline_root,
            service_account=request.run.service_account,
            enabled_at=now,
            anchored_at=now,
        )
        await self._store.create(recurring)
        self._changed(recurring.recurring_run_id)
        return recurring

    async def get(self, recurring_run_id: RecurringRunId) -> RecurringRun:
        """Return the schedule.

        Raises:
            NotFoundError: no such schedule.
        """
        recurring = await self._store.get(recurring_run_id)
        if recurring is None:
            raise NotFoundError(f"recurring run {recurring_run_id} not found")
        return recurring

    async def list(
        self,
        request: ListRequest,
        *,
        namespace: str = "",
        experiment_id: ExperimentId | None = None,
        operation_key: str = "operation",
        extra: tuple[Predicate, ...] = (),
    ) -> tuple[Page[RecurringRun], OpenList]:
        """Return a page of schedules and the opened request; `extra` are conditions beside those of its filter.

        Raises:
            InvalidArgumentError: the request is malformed.
            NotFoundError: no such experiment.
        """
        if experiment_id is not None:
            await self._runs.experiment(experiment_id)
        opened = open_list(request, RECURRING_RUN_FIELDS, operation_key=operation_key, extra=extra)
        return await self._store.list(opened.query, namespace=namespace, experiment_id=experiment_id), opened

    async def set_enabled(self, recurring_run_id: RecurringRunId, *, is_enabled: bool, by: str = "") -> RecurringRun:
        """Start or stop the schedule; times that pass while it is stopped are never made up for. Running runs go on.

        Raises:
            NotFoundError: no such schedule.
        """
        recurring = await self.get(recurring_run_id)
        if recurring.is_enabled == is_enabled:
            return recurring
        now = self._clock.now()
        changed = replace(recurring, is_enabled=is_enabled, updated_at=now, enabled_at=now if is_enabled else recurring.enabled_at)
        await self._keep(recurring, changed, by)
        return changed

    async def update(self, recurring_run_id: RecurringRunId, change: RecurringChange, *, by: str = "") -> RecurringRun:
        """Change parts of the schedule. A new trigger counts from now.

        Raises:
            NotFoundError: no such schedule, or what it shall run does not exist.
            InvalidArgumentError: the result would not be valid; nothing was changed.
            ConflictError: somebody changed it after `seen_at`; nothing was changed.
        """
        recurring = await self.get(recurring_run_id)
        if change.seen_at is not None and change.seen_at != recurring.updated_at:
            raise ConflictError(CHANGED)
        now = self._clock.now()
        parts: dict[str, Any] = {"updated_at": now}
        for name in ("display_name", "description", "parameters", "pipeline_root", "service_account", "max_concurrency", "no_catchup"):
            if (value := getattr(change, name)) is not None:
                parts[name] = value
        if "display_name" in parts:
            check_name(parts["display_name"], label="recurring run display_name", limit=MAX_NAME)
        _check_concurrency(parts.get("max_concurrency", recurring.max_concurrency))
        if change.trigger is not None:
            check_trigger(change.trigger, anchored_at=now, zone=self._zone)
            parts |= {"trigger": change.trigger, "anchored_at": now}
        if change.trigger is not None or change.parameters is not None:
            check_facts((change.trigger or recurring.trigger).event, parts.get("parameters", recurring.parameters))
        if change.is_enabled is not None and change.is_enabled != recurring.is_enabled:
            parts |= {"is_enabled": change.is_enabled, "enabled_at": now if change.is_enabled else recurring.enabled_at}
        if change.run is not None or change.parameters is not None:
            source = change.run or request_of(recurring)
            digest = await self._checked(source, parts.get("parameters", recurring.parameters))
            parts |= {"spec_digest": digest, "pipeline_id": source.pipeline_id, "pipeline_version_id": source.pipeline_version_id}
        changed = replace(recurring, **parts)
        await self._keep(recurring, changed, by)
        return changed

    async def renew_token(self, recurring_run_id: RecurringRunId, *, by: str = "") -> tuple[RecurringRun, str]:
        """Give the webhook of a trigger another token, which is returned once; the old one is no longer accepted.

        Raises:
            NotFoundError: no such recurring run.
            InvalidArgumentError: it has no webhook.
        """
        recurring = await self.get(recurring_run_id)
        event = recurring.trigger.event
        if event is None or event.kind is not EventKind.WEBHOOK:
            raise InvalidArgumentError("this trigger has no webhook")
        token, digest = new_token()
        changed = replace(recurring, trigger=Trigger(event=replace(event, token_digest=digest)), updated_at=self._clock.now())
        await self._keep(recurring, changed, by)
        return changed, token

    async def edits(self, recurring_run_id: RecurringRunId, *, limit: int = 50) -> Sequence[RecurringEdit]:
        """Return who changed what, newest first."""
        return await self._edits.list(recurring_run_id, limit=limit)

    async def _keep(self, before: RecurringRun, after: RecurringRun, by: str) -> None:
        """Store a changed schedule and what changed."""
        await self._store.update(after)
        if changes := changes_between(before, after):
            await self._edits.add(after.recurring_run_id, RecurringEdit(self._clock.now(), by, changes))
        self._changed(after.recurring_run_id)

    async def delete(self, recurring_run_id: RecurringRunId) -> None:
        """Remove the schedule; its runs stay.

        Raises:
            NotFoundError: no such schedule.
        """
        await self.get(recurring_run_id)
        await self._store.delete(recurring_run_id)
        self._changed(recurring_run_id)

    async def ticks(self, recurring_run_id: RecurringRunId, *, limit: int = 50) -> Sequence[Tick]:
        """Return what became of the newest planned times, newest first."""
        return await self._store.ticks(recurring_run_id, limit=limit)

    def upcoming(self, recurring: RecurringRun, *, count: int = 5) -> Sequence[float]:
        """Return the next planned times."""
        return next_times(recurring, now=self._clock.now(), count=count, zone=self._zone)

    async def held_back(self, recurring_run_id: RecurringRunId) -> HeldBack | None:
        """Return the planned time that has come and waits for active runs to end, or None."""
        for recurring, active in await self._store.enabled(recurring_run_id):
            held_at = decide(recurring, now=self._clock.now(), active_runs=active, zone=self._zone).held_at
            return None if held_at is None else HeldBack(held_at, active)
        return None

    async def specs_of(self, schedules: Sequence[RecurringRun]) -> Mapping[Digest, StoredSpec]:
        """Return inline definitions of schedules, in one query."""
        return await self._definitions.contents([recurring.spec_digest for recurring in schedules if recurring.spec_digest is not None])

    async def fire_due(self) -> float | None:
        """Do what every schedule needs now; return when to look again by the clock, None for only after a change.

        Interrupted anywhere it is simply called again: run ids follow from schedule and planned time, so a run that was created just
        before a crash is found, not made twice.

        Raises:
            UnavailableError: the store could not be reached; what was not recorded is decided again at the next call.
        """
        now = self._clock.now()
        wake: float | None = None
        for recurring, active in await self._store.enabled():
            decision = decide(recurring, now=now, active_runs=active, zone=self._zone)
            if decision.fire or decision.skipped:
                await self._carry_out(recurring, decision, now)
            moments = [at for at in (wake, decision.wake_at, now + _RECHECK_SECONDS if decision.waiting else None) if at is not None]
            wake = min(moments, default=None)
        return wake

    async def _carry_out(self, recurring: RecurringRun, decision: Decision, now: float) -> None:
        skipped = [Tick(recurring.recurring_run_id, one.planned_at, now, TickOutcome.SKIPPED, one.reason) for one in decision.skipped]
        index, error = recurring.trigger_index, recurring.error
        if skipped and not decision.fire:
            await self._store.record(skipped, trigger_index=index, error=error)
        for planned_at in decision.fire:
            index += 1
            tick = await self._fire(recurring, planned_at, index, now)
            error = tick.reason if tick.outcome is TickOutcome.ERROR else None
            await self._store.record([*skipped, tick], trigger_index=index, error=error)
            skipped = []
        self._notifier.publish(RecurringRunChanged(recurring.recurring_run_id))

    async def _fire(self, recurring: RecurringRun, planned_at: float, index: int, now: float) -> Tick:
        run_id = scheduled_run_id(recurring.recurring_run_id, planned_at)
        request = replace(request_of(recurring), name=f"{recurring.display_name[: MAX_NAME - 30]}-{index}-{run_id[:8]}")
        workflow_name = scheduled_workflow_name(recurring.display_name, recurring.recurring_run_id, index)
        scheduled = Scheduled(recurring.recurring_run_id, run_id, planned_at, index, workflow_name=workflow_name)
        try:
            await self._runs.create(request, scheduled=scheduled)
        except AlreadyExistsError:
            pass  # created before a crash that came before its tick was recorded
        except UnavailableError:
            raise
        except PenstockError as error:
            return Tick(recurring.recurring_run_id, planned_at, now, TickOutcome.ERROR, str(error))
        except Exception as error:
            # A fault with one schedule must not keep the others from firing; it is told where people look.
            _log.exception("schedule %s could not fire", recurring.recurring_run_id)
            return Tick(recurring.recurring_run_id, planned_at, now, TickOutcome.ERROR, f"internal error: {error}")
        return Tick(recurring.recurring_run_id, planned_at, now, TickOutcome.FIRED, run_id=run_id)

    async def _checked(self, request: RunRequest, parameters: Mapping[str, Any]) -> Digest | None:
        """Check definition and parameters; store an inline definition and return its digest."""
        spec, plan, version = await self._runs.resolve(request)
        sample = MacroValues(
            RunId("00000000-0000-0000-0000-000000000000"), self._clock.now(), scheduled_at=self._clock.now(), index=1, event=SampleFacts()
        )
        check_parameters(plan, read_texts(plan, expand_parameters(parameters, sample)))
        if version is not None:
            return None
        await self._definitions.store(spec)
        return spec.digest

    def _changed(self, recurring_run_id: RecurringRunId) -> None:
        self._notifier.publish(RecurringRunChanged(recurring_run_id))


def changes_between(before: RecurringRun, after: RecurringRun) -> list[tuple[str, Any, Any]]:
    """Return (field, before, after) of what a person may change, in words where the value has any; never a token."""
    plain = ("display_name", "description", "is_enabled", "max_concurrency", "no_catchup", "pipeline_root", "service_account")
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in (*plain, "pipeline_version_id", "spec_digest")]
    if before.trigger != after.trigger:
        words = _trigger_words(before.trigger), _trigger_words(after.trigger)
        pairs.append(("trigger", *words) if words[0] != words[1] else ("token", "", "renewed"))
    names = sorted(before.parameters.keys() | after.parameters.keys())
    pairs += [(f"parameters.{name}", before.parameters.get(name), after.parameters.get(name)) for name in names]
    return [(name, old, new) for name, old, new in pairs if old != new]


def _trigger_words(trigger: Trigger) -> str:
    words = describe(trigger) + "".join(
        f", {label} {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
        for label, at in (("from", trigger.start_at), ("until", trigger.end_at))
        if at is not None
    )
    limits = trigger.event and f", at most {trigger.event.max_per_hour} an hour, {trigger.event.ring_limit} in a chain"
    return words + (limits or "")


def new_token() -> tuple[str, str]:
    """Return a fresh token for a webhook and the digest that is kept of it."""
    token = secrets.token_urlsafe(24)
    return token, digest_of(token)


def digest_of(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def scheduled_run_id(recurring_run_id: RecurringRunId, planned_at: float) -> RunId:
    """Return the id of the run that a schedule makes for a planned time; always the same, so that none is made twice."""
    return RunId(str(uuid.uuid5(uuid.NAMESPACE_OID, f"{recurring_run_id}@{planned_at:.3f}")))


def request_of(recurring: RecurringRun) -> RunRequest:
    """Return what each run of the schedule is made of."""
    return RunRequest(
        name=recurring.display_name,
        description=recurring.description,
        namespace=recurring.namespace,
        experiment_id=recurring.experiment_id,
        spec_digest=recurring.spec_digest,
        pipeline_id=recurring.pipeline_id,
        pipeline_version_id=recurring.pipeline_version_id,
        parameters=recurring.parameters,
        pipeline_root=recurring.pipeline_root,
        service_account=recurring.service_account,
    )


def _check_concurrency(value: int) -> None:
    if not 1 <= value <= MAX_CONCURRENCY:
        raise InvalidArgumentError(f"max_concurrency has to be 1 to {MAX_CONCURRENCY}, not {value}")
