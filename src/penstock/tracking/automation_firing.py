"""How automations fire: what happened becomes deliveries, each occasion once.

Theory of operation. What happens to artifacts and run states is written down by the transaction that makes it true; `settle` turns
those events into pending deliveries in one transaction and forgets them. Values of metrics are looked at when a run reports new rows
(`look_at`), and after a start at those of the runs that reported last (`catch_up`); a run passes a condition once.
"""

from __future__ import annotations

from asyncio import to_thread
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain.automations import Automation, AutomationEvent, EventType, NewDelivery, ScopeKind
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import TrackedRunId
from penstock.domain.matching import Lookup, compile_filter
from penstock.domain.tracking import TrackedRun, TrackedState
from penstock.domain.versions import Collection, Membership, VersionState
from penstock.interfaces.automations import AutomationStore
from penstock.interfaces.clock import Clock
from penstock.interfaces.tracking_store import SampleSpec, SeriesStore, TrackedRunStore
from penstock.interfaces.versions import CollectionStore, VersionStore
from penstock.tracking.automation_words import words_of_artifact, words_of_run
from penstock.tracking.automations import load_filter, run_states
from penstock.tracking.heartbeats import FLUSH_SECONDS
from penstock.tracking.metric_conditions import MetricCondition, MetricWatch, condition_from

_BATCH = 200
_MAX_WATCHES = 10_000
_LAST_SECONDS = 60.0
"""Before the last stored sign of life: rows are looked at within seconds, signs of life are stored every `FLUSH_SECONDS`."""
_STATE_WORDS = {
    TrackedState.RUNNING: "RUNNING", TrackedState.FINISHED: "FINISHED", TrackedState.FAILED: "FAILED", TrackedState.CRASHED: "FAILED",
    TrackedState.KILLED: "FAILED",
}  # fmt: skip


@dataclass(slots=True)
class _Followed:
    """A run as one automation sees it."""

    watch: MetricWatch
    next_step: int | None = None
    """First step not looked at; None: from the beginning."""
    has_passed: bool = False


class AutomationFiring:
    """Turns what happened into deliveries. Lives on the event loop."""

    def __init__(
        self,
        store: AutomationStore,
        *,
        runs: TrackedRunStore,
        series: SeriesStore,
        versions: VersionStore,
        collections: CollectionStore,
        clock: Clock,
    ) -> None:
        self._store = store
        self._runs = runs
        self._series = series
        self._versions = versions
        self._collections = collections
        self._clock = clock
        self._followed: OrderedDict[tuple[int, float, int], _Followed] = OrderedDict()

    async def enabled(self) -> Sequence[Automation]:
        """Return the automations that wait for something."""
        return await to_thread(self._store.automations, only_enabled=True)

    async def settle(self, automations: Sequence[Automation]) -> int:
        """Turn waiting events into deliveries; return how many events there were."""
        events = await to_thread(self._store.waiting_events, limit=_BATCH)
        if not events:
            return 0
        runs = {event.run_id: await self._runs.get_by_id(event.run_id) for event in events if event.run_id is not None}
        await to_thread(self._settle, automations, events, runs)
        return len(events)

    def _settle(self, automations: Sequence[Automation], events: Sequence[AutomationEvent], runs: Mapping[Any, TrackedRun | None]) -> None:
        deliveries: list[NewDelivery] = []
        for event in events:
            run = runs.get(event.run_id)
            if run is not None:
                deliveries += self._of_run_state(automations, event, run)
            elif event.run_id is None:
                deliveries += self._of_artifact(automations, event)
        self._store.settle_events(events, deliveries, at=self._clock.now())

    def _of_run_state(self, automations: Sequence[Automation], event: AutomationEvent, run: TrackedRun) -> Iterator[NewDelivery]:
        state = TrackedState(event.word)
        for automation in automations:
            document = load_filter(automation.event_filter)
            if automation.event_type is not event.event_type or not covers_run(automation, run):
                continue
            if _STATE_WORDS.get(state) in run_states(document) and _run_matches(document, run):
                words = words_of_run(run, event_type=event.event_type.value) | {"run_state": state.value}
                subject = f"run {run.display_name} ({run.name}) is {state.value}"
                yield NewDelivery(automation.automation_id, f"event:{event.event_id}", subject, words)

    def _of_artifact(self, automations: Sequence[Automation], event: AutomationEvent) -> Iterator[NewDelivery]:
        waiting = [automation for automation in automations if automation.event_type is event.event_type]
        version = None if event.version_id is None else self._versions.version(event.version_id)
        if not waiting or (event.version_id is not None and (version is None or version.state is VersionState.PENDING)):
            return
        members = {} if version is None else {m.collection_id: m for m in self._collections.memberships_of([version.version_id]).get(
            version.version_id, ())}  # fmt: skip
        places = [event.collection_id] if event.collection_id is not None else list(members)
        for collection in self._collections.collections(places).values():
            member = members.get(collection.collection_id)
            is_tag = event.event_type.value.endswith("_TAG")
            words = words_of_artifact(
                collection, version, member, alias="" if is_tag else event.word, tag=event.word if is_tag else ""
            ) | {"event_type": event.event_type.value}
            lookup = self._artifact_lookup(collection, member, event, words)
            name = words.get("artifact_version_string") or f"{collection.entity}/{collection.project}/{collection.name}"
            subject = f"{name} {event.word}".strip()
            for automation in waiting:
                if _covers_collection(automation, collection) and _holds(automation.event_filter, lookup):
                    occasion = f"event:{event.event_id}:{collection.collection_id}"
                    yield NewDelivery(automation.automation_id, occasion, subject, words)

    def _artifact_lookup(
        self, collection: Collection, member: Membership | None, event: AutomationEvent, words: Mapping[str, str]
    ) -> Lookup:
        """Return what filters of artifact events may ask for; `alias` and `tag` are the ones that the event is about."""
        version_id = event.version_id
        aliases = [] if version_id is None else [
            alias.alias for alias in self._collections.aliases_of_versions([version_id]).get(version_id, ())
            if alias.collection_id == collection.collection_id
        ]  # fmt: skip
        is_alias_event = event.event_type is EventType.ADD_ARTIFACT_ALIAS
        tags = [words["tag"]] if words["tag"] else [] if version_id is None else self._versions.tags([version_id]).get(version_id, [])
        values: dict[str, Sequence[Any]] = {
            "alias": [event.word] if is_alias_event else aliases, "tag": tags, "tags": tags, "aliases": aliases, "name": [collection.name],
            "type": [collection.type_name], "version_index": [] if member is None else [member.version_index],
        }  # fmt: skip
        return lambda field: values.get(field, [words[f"artifact_{field}"]] if f"artifact_{field}" in words else [])

    async def catch_up(self, automations: Sequence[Automation]) -> None:
        """Look at the runs that reported last before a start: their newest rows may be stored and not looked at when a server is killed.

        Runs that were silent since before an automation was made or changed are no occasion for it.
        """
        waiting = [automation for automation in automations if automation.event_type.is_metric]
        if not waiting:
            return
        for run in await self._runs.heard_last(seconds=_LAST_SECONDS, limit=_MAX_WATCHES):
            await self.look_at([one for one in waiting if one.updated_at <= run.heartbeat_at + FLUSH_SECONDS], run)

    async def look_at(self, automations: Iterable[Automation], run: TrackedRun) -> None:
        """Look at the values that a run has logged since the last look."""
        found: list[NewDelivery] = []
        for automation in automations:
            document = load_filter(automation.event_filter)
            if automation.event_type.is_metric and covers_run(automation, run) and _run_matches(document, run):
                condition = condition_from(load_filter(document["run_metric_filter"]))
                value = await self._new_values(automation, condition, run.run_id)
                if value is not None:
                    more = {"event_type": automation.event_type.value, "metric_name": condition.metric, "metric_value": repr(value)}
                    subject = f"run {run.display_name} ({run.name}): {condition.metric} = {value:g}"
                    found.append(NewDelivery(automation.automation_id, f"metric:{run.run_id}", subject, words_of_run(run, **more)))
        if found:
            await to_thread(self._store.settle_events, [], found, at=self._clock.now())

    async def _new_values(self, automation: Automation, condition: MetricCondition, run_id: TrackedRunId) -> float | None:
        """Feed the automation's watch of a run, the first time with all that it has logged; return the value that passes, once."""
        key = (automation.automation_id, automation.updated_at, int(run_id))
        followed = self._followed.setdefault(key, _Followed(condition.watch()))
        self._followed.move_to_end(key)
        while len(self._followed) > _MAX_WATCHES:
            self._followed.popitem(last=False)
        if followed.has_passed:
            return None
        spec = SampleSpec(("_step", condition.metric), 0, min_step=followed.next_step, every_row=True)
        rows = await self._series.sample(run_id, spec)
        if rows:
            followed.next_step = int(rows[-1]["_step"]) + 1
        value = followed.watch.feed(row[condition.metric] for row in rows)
        followed.has_passed = value is not None
        return value


def covers_run(automation: Automation, run: TrackedRun) -> bool:
    """Whether the run is in the automation's scope."""
    if automation.scope is ScopeKind.ENTITY:
        return automation.entity == run.entity
    return automation.scope is ScopeKind.PROJECT and automation.scope_id == run.project_id


def _covers_collection(automation: Automation, collection: Collection) -> bool:
    if automation.scope is ScopeKind.ARTIFACT_COLLECTION:
        return automation.scope_id == collection.collection_id
    if automation.scope is ScopeKind.PROJECT:
        return automation.scope_id == collection.project_id
    return automation.entity == collection.entity


def _run_matches(document: Mapping[str, Any], run: TrackedRun) -> bool:
    values: Mapping[str, Sequence[Any]] = {
        "name": [run.name], "display_name": [run.display_name], "displayName": [run.display_name], "state": [run.state.value],
        "group": [run.group], "jobType": [run.job_type], "job_type": [run.job_type], "tags": run.tags, "username": [run.user_name],
        "user": [run.user_name], "sweep": [run.sweep], "notes": [run.notes], "host": [run.host],
    }  # fmt: skip
    return _holds(document.get("run_filter") or {}, lambda field: values.get(field, ()))


def _holds(stored: Any, lookup: Lookup) -> bool:
    """Whether a stored filter matches. One that would be refused by now matches nothing: it may not hold up the other automations."""
    try:
        return compile_filter(load_filter(stored))(lookup)
    except InvalidArgumentError:
        return False
