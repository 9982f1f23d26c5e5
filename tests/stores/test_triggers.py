"""Event triggers and backfills over real runs on every database: what is noted, what fires, what never does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.datastructures import FormData

from penstock.domain.catalog import RecurringRun, Trigger
from penstock.domain.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError
from penstock.domain.ids import PipelineId, RunId
from penstock.domain.triggers import BackfillState, EventKind, EventOutcome, EventTrigger, NotedEvent
from penstock.engine.cache_key import miss_reason
from penstock.interfaces.pages import ListQuery
from penstock.pipelines.backfill_costs import BackfillCosts
from penstock.pipelines.backfills import BackfillService
from penstock.pipelines.cache_plan import CachePlanService
from penstock.pipelines.recurring_runs import RecurringChange, RecurringRequest, new_token, scheduled_run_id
from penstock.pipelines.runs import RunRequest
from penstock.pipelines.triggers import TriggerService, event_run_id
from penstock.stores.sql.backfills import SqlBackfillStore
from penstock.stores.sql.cache import SqlTaskCache
from penstock.stores.sql.database import Transaction
from penstock.stores.sql.pages_catalog import SqlCatalogPages
from penstock.stores.sql.recurring_runs import SqlRecurringRunStore
from penstock.stores.sql.trigger_events import SqlTriggerStore
from penstock.stores.sql.version_rows import add_member, move_alias
from penstock.stores.watched_files import WatchedFiles
from penstock.testing.scripted_executor import WAIT, failing
from penstock.web.pages.catalog.schedule_edits import change_of
from tests.support.kfp_api import KfpApi, pipeline_spec
from tests.support.postgres import fresh_postgres_url


class Room:
    """An API in this process with triggers and backfills."""

    def __init__(self, api: KfpApi) -> None:
        self.api = api
        store = SqlRecurringRunStore(api.database)
        runs = api.services.runs
        self.recurring = api.services.recurring_runs
        self.triggers = TriggerService(
            SqlTriggerStore(api.database), store, runs, WatchedFiles(), clock=api.clock, notifier=api.notifier
        )
        self.backfills = BackfillService(
            SqlBackfillStore(api.database), store, runs, clock=api.clock, ids=api.ids, notifier=api.notifier
        )

    async def pipeline(self, name: str) -> PipelineId:
        """Upload a pipeline of that name."""
        answer = await self.api.upload(yaml.safe_dump(pipeline_spec(name)).encode(), name=name)
        return PipelineId(answer["pipeline_id"])

    async def create(self, trigger: Trigger, pipeline_id: PipelineId, *, name: str = "t", at_once: int = 5, **parameters: Any) -> RecurringRun:
        """Set up a recurring run."""
        run = RunRequest(name=name, pipeline_id=pipeline_id, parameters={"text": "x", **parameters})
        return await self.recurring.create(RecurringRequest(run, trigger, at_once, is_enabled=True))

    async def run(self, pipeline_id: PipelineId) -> dict[str, Any]:
        """Run the pipeline by hand to its end."""
        view = await self.api.services.runs.create(RunRequest(name="by hand", pipeline_id=pipeline_id, parameters={"text": "x"}))
        return await self.api.ended(view.run_id)

    async def runs_of(self, recurring: RecurringRun) -> list[dict[str, Any]]:
        """Runs that it started, all ended."""
        listed = (await self.api.call("GET", "/runs", page_size=200)).get("runs", [])
        own = [run["run_id"] for run in listed if run.get("recurring_run_id") == recurring.recurring_run_id]
        return [await self.api.ended(run_id) for run_id in own]

    async def settle(self, *recurring: RecurringRun) -> None:
        """Decide and run until nothing happens any more."""
        for _ in range(30):
            await self.triggers.fire_due()
            for one in recurring:
                await self.runs_of(one)
            if not await SqlTriggerStore(self.api.database).open_events(limit=1):
                return
        raise AssertionError("the triggers never come to rest")

    async def history(self, recurring: RecurringRun) -> Sequence[NotedEvent]:
        """Its events, newest first."""
        return await self.triggers.history(recurring.recurring_run_id)


@pytest.fixture(params=["sqlite", "postgresql"])
async def room(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Room]:
    url = "" if request.param == "sqlite" else fresh_postgres_url()
    if url is None:
        pytest.skip("PostgreSQL is not installed")
    api = await KfpApi(tmp_path, url=url).start()
    yield Room(api)
    await api.stop()


def finished(**fields: Any) -> Trigger:
    return Trigger(event=EventTrigger(EventKind.RUN_FINISHED, **fields))


async def test_a_finished_run_starts_another_one_once_and_tells_it_what_happened(room: Room) -> None:
    alpha, beta = await room.pipeline("alpha"), await room.pipeline("beta")
    trigger = await room.create(finished(pipeline="alpha"), beta, text="[[Event.run_id]] [[Event.state]]")
    cause = await room.run(alpha)
    await room.run(beta)
    await room.settle(trigger)
    await room.settle(trigger)
    (started,) = await room.runs_of(trigger)
    assert started["runtime_config"]["parameters"]["text"] == f"{cause['run_id']} SUCCEEDED"
    (event,) = await room.history(trigger)
    assert (event.outcome, event.run_id) == (EventOutcome.FIRED, started["run_id"])


async def test_a_history_is_read_part_by_part_the_newest_first(room: Room) -> None:
    alpha, beta = await room.pipeline("alpha"), await room.pipeline("beta")
    trigger, other = await room.create(finished(pipeline="alpha"), beta), await room.create(finished(pipeline="alpha"), beta)
    causes = [await room.run(alpha) for _ in range(3)]
    await room.settle(trigger, other)
    whole = await room.history(trigger)
    assert [event.facts["run_id"] for event in whole] == [cause["run_id"] for cause in causes[::-1]]
    read = room.triggers.history
    assert [*await read(trigger.recurring_run_id, limit=2)] == [*whole[:2]]
    assert [*await read(trigger.recurring_run_id, limit=2, before=whole[1].event_id)] == [whole[2]]
    assert await read(trigger.recurring_run_id, limit=2, before=whole[2].event_id) == []
    assert await read(trigger.recurring_run_id, limit=2, before=10**9) == []


async def test_states_that_the_trigger_does_not_name_start_nothing(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    good, bad = await room.create(finished(pipeline="alpha"), alpha), await room.create(finished(pipeline="alpha", states=("FAILED",)), alpha)
    room.api.scripts["work"] = failing("no")
    await room.run(alpha)
    del room.api.scripts["work"]
    await room.settle(good, bad)
    assert [event.outcome for event in await room.history(bad)] == [EventOutcome.FIRED]
    started = await room.runs_of(bad)
    causes = [event.facts["run_id"] for event in await room.history(good)]
    assert causes[-1] == started[0]["run_id"]


async def test_triggers_that_feed_each_other_come_to_an_end(room: Room) -> None:
    alpha, beta = await room.pipeline("alpha"), await room.pipeline("beta")
    forth = await room.create(finished(pipeline="alpha", ring_limit=2), beta, name="forth")
    back = await room.create(finished(pipeline="beta", ring_limit=2), alpha, name="back")
    await room.run(alpha)
    await room.settle(forth, back)
    assert len(await room.runs_of(forth)) == 2
    assert len(await room.runs_of(back)) == 2
    newest = (await room.history(forth))[0]
    assert newest.outcome is EventOutcome.SKIPPED
    assert "may stand 2 times in a chain" in newest.reason


async def test_firings_beyond_the_hourly_limit_are_skipped_and_say_so(room: Room) -> None:
    alpha, beta = await room.pipeline("alpha"), await room.pipeline("beta")
    trigger = await room.create(finished(pipeline="alpha", max_per_hour=2), beta)
    for _ in range(3):
        await room.run(alpha)
    await room.settle(trigger)
    assert [event.outcome for event in await room.history(trigger)] == [EventOutcome.SKIPPED, EventOutcome.FIRED, EventOutcome.FIRED]
    room.api.clock.advance(3601)
    await room.run(alpha)
    await room.settle(trigger)
    assert len(await room.runs_of(trigger)) == 3


async def test_events_wait_for_a_free_place_in_their_order(room: Room) -> None:
    alpha, beta = await room.pipeline("alpha"), await room.pipeline("beta")
    trigger = await room.create(finished(pipeline="alpha"), beta, at_once=1)
    causes = [(await room.run(alpha))["run_id"] for _ in range(3)]
    room.api.scripts["work"] = WAIT
    assert await room.triggers.fire_due() is not None
    assert [event.outcome for event in await room.history(trigger)] == [None, None, EventOutcome.FIRED]
    await room.triggers.fire_due()
    assert [event.outcome for event in await room.history(trigger)] == [None, None, EventOutcome.FIRED]
    assert [event.facts.get("run_id") for event in await room.history(trigger)][-1] == causes[0]


async def test_a_decision_that_was_lost_finds_the_run_that_was_made(room: Room) -> None:
    alpha, beta = await room.pipeline("alpha"), await room.pipeline("beta")
    trigger = await room.create(finished(pipeline="alpha"), beta)
    await room.run(alpha)
    await room.settle(trigger)
    (event,) = await room.history(trigger)
    sql = "UPDATE trigger_event SET outcome = NULL, run_id = NULL"
    await room.api.database.write(lambda tx: tx.execute(sql))
    await room.settle(trigger)
    (again,) = await room.history(trigger)
    assert again.run_id == event.run_id == event_run_id(trigger.recurring_run_id, event.subject)
    assert len(await room.runs_of(trigger)) == 1


async def test_nothing_is_noted_while_nobody_waits(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    trigger = await room.create(finished(pipeline="alpha"), alpha)
    await room.recurring.set_enabled(trigger.recurring_run_id, is_enabled=False)
    await room.run(alpha)
    await room.settle(trigger)
    assert await room.history(trigger) == []


async def test_what_was_noted_before_a_trigger_was_disabled_is_skipped(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    trigger = await room.create(finished(pipeline="alpha"), alpha)
    await room.run(alpha)
    await room.recurring.set_enabled(trigger.recurring_run_id, is_enabled=False)
    await room.settle(trigger)
    (event,) = await room.history(trigger)
    assert (event.outcome, event.reason) == (EventOutcome.SKIPPED, "the trigger was disabled before its turn came")


async def test_a_metric_above_its_threshold_starts_one_run(room: Room) -> None:
    alpha, beta = await room.pipeline("alpha"), await room.pipeline("beta")
    event = EventTrigger(EventKind.METRIC, pipeline="alpha", metric="accuracy", comparison=">=", threshold=0.9)
    trigger = await room.create(Trigger(event=event), beta, text="[[Event.value]]")
    low, high = (await room.run(alpha))["run_id"], (await room.run(alpha))["run_id"]

    def log(tx: Transaction) -> None:
        sql = "INSERT INTO run_metric (run_id, task_id, name, number) VALUES (?, ?, ?, ?)"
        tx.many(sql, [(low, "t", "accuracy", 0.5), (high, "t", "accuracy", 0.9), (high, "u", "accuracy", 0.95), (high, "t", "loss", 9.0)])

    await room.api.database.write(log)
    await room.settle(trigger)
    (started,) = await room.runs_of(trigger)
    assert started["runtime_config"]["parameters"]["text"] in {"0.9", "0.95"}
    assert {event.facts["run_id"] for event in await room.history(trigger)} == {high}


async def test_a_new_version_and_a_moved_alias_start_what_waits_for_them(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    versions = await room.create(Trigger(event=EventTrigger(EventKind.ARTIFACT, collection="me/proj/model")), alpha, text="[[Event.version]]")
    production = EventTrigger(EventKind.ARTIFACT, collection="me/proj/model", alias="production")
    aliases = await room.create(Trigger(event=production), alpha, text="[[Event.name]]")

    def publish(tx: Transaction) -> None:
        tx.execute("INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (1, 'me', 'proj', 0, 0)")
        tx.execute(
            "INSERT INTO collection (collection_id, project_id, name, kind, type_name, created_at, updated_at)"
            " VALUES (7, 1, 'model', 'sequence', 'model', 0, 0)"
        )
        for number in (1, 2):
            tx.execute(
                "INSERT INTO artifact_version (version_id, collection_id, project_id, state, digest, created_at, updated_at)"
                " VALUES (?, 7, 1, 'COMMITTED', 'd', 0, 0)",
                (number,),
            )
            add_member(tx, 7, number, float(number))
        move_alias(tx, 7, "staging", 2, 3.0, by="ann")
        move_alias(tx, 7, "production", 1, 4.0, by="ann")
        move_alias(tx, 7, "production", 2, 5.0, by="ann")
        move_alias(tx, 7, "production", 2, 6.0, by="ann")

    await room.api.database.write(publish)
    await room.settle(versions, aliases)
    assert sorted(run["runtime_config"]["parameters"]["text"] for run in await room.runs_of(versions)) == ["v0", "v1"]
    assert sorted(run["runtime_config"]["parameters"]["text"] for run in await room.runs_of(aliases)) == [
        "me/proj/model:v0",
        "me/proj/model:v1",
    ]


async def test_a_webhook_takes_its_token_only_and_counts_a_delivery_once(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    token, digest = new_token()
    trigger = await room.create(Trigger(event=EventTrigger(EventKind.WEBHOOK, token_digest=digest)), alpha, text="[[Event.payload.ref]]")
    with pytest.raises(PermissionDeniedError):
        await room.triggers.deliver(trigger.recurring_run_id, "guess", {})
    assert await room.triggers.deliver(trigger.recurring_run_id, token, {"ref": "main"}, delivery="1")
    assert not await room.triggers.deliver(trigger.recurring_run_id, token, {"ref": "main"}, delivery="1")
    await room.settle(trigger)
    (started,) = await room.runs_of(trigger)
    assert started["runtime_config"]["parameters"]["text"] == "main"
    _, renewed = await room.recurring.renew_token(trigger.recurring_run_id)
    with pytest.raises(PermissionDeniedError):
        await room.triggers.deliver(trigger.recurring_run_id, token, {})
    assert await room.triggers.deliver(trigger.recurring_run_id, renewed, {})
    await room.recurring.set_enabled(trigger.recurring_run_id, is_enabled=False)
    with pytest.raises(NotFoundError):
        await room.triggers.deliver(trigger.recurring_run_id, renewed, {})


async def test_an_edit_on_the_page_keeps_the_name_that_a_trigger_waits_for_and_what_it_belongs_to(room: Room) -> None:
    event = EventTrigger(EventKind.WEBHOOK, name="ready", token_digest="x", together="pair")
    form = FormData([("event", "webhook"), ("states", "SUCCEEDED"), ("name", "renamed"), ("max_concurrency", "2")])
    recurring = await room.create(Trigger(event=event), await room.pipeline("alpha"))
    await room.recurring.update(recurring.recurring_run_id, change_of(form, recurring))
    after = await room.recurring.get(recurring.recurring_run_id)
    assert (after.display_name, after.max_concurrency, after.trigger.event) == ("renamed", 2, event)


async def test_a_run_started_by_hand_is_told_of_the_newest_event_and_of_now(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    token, digest = new_token()
    hook = await room.create(Trigger(event=EventTrigger(EventKind.WEBHOOK, token_digest=digest)), alpha, text="<[[Event.payload.ref]]>")
    by_hand = room.triggers.parameters_by_hand
    with pytest.raises(InvalidArgumentError, match="nothing of this kind has happened yet"):
        await by_hand(hook.recurring_run_id)
    await room.triggers.deliver(hook.recurring_run_id, token, {"ref": "main"})
    assert await by_hand(hook.recurring_run_id) == {"text": "<main>"}
    await room.triggers.deliver(hook.recurring_run_id, token, {})
    with pytest.raises(InvalidArgumentError, match=r"the event has no payload\.ref, which parameter text asks for"):
        await by_hand(hook.recurring_run_id)
    timed = await room.create(Trigger(interval_seconds=60), alpha, text="[[Index]] [[ScheduledTime.2006]] [[RunUUID]]")
    told = (await by_hand(timed.recurring_run_id))["text"].split()
    assert (told[0], len(told[1]), told[2]) == ("1", 4, "[[RunUUID]]")


async def test_what_no_event_says_is_refused_when_a_trigger_is_made_or_changed(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    watched = Trigger(event=EventTrigger(EventKind.FILE, path="/data"))
    with pytest.raises(InvalidArgumentError, match="parameter text: an event of the kind file has no size; it has path, is_there"):
        await room.create(watched, alpha, text="[[Event.size]]")
    with pytest.raises(InvalidArgumentError, match="a schedule has no event"):
        await room.create(Trigger(interval_seconds=60), alpha, text="[[Event.path]]")
    trigger = await room.create(watched, alpha, text="[[Event.path]]")
    with pytest.raises(InvalidArgumentError, match="has no pth"):
        await room.recurring.update(trigger.recurring_run_id, RecurringChange(parameters={"text": "[[Event.pth]]"}))
    with pytest.raises(InvalidArgumentError, match="kind run_finished has no path"):
        await room.recurring.update(trigger.recurring_run_id, RecurringChange(trigger=finished()))
    assert (await room.recurring.get(trigger.recurring_run_id)).parameters == {"text": "[[Event.path]]"}
    await room.recurring.update(
        trigger.recurring_run_id, RecurringChange(trigger=finished(), parameters={"text": "[[Event.run_id]]"}, display_name="ended")
    )


async def test_a_delivery_that_lacks_what_a_parameter_asks_is_skipped_with_the_reason_and_the_test_says_so(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    token, digest = new_token()
    hook = Trigger(event=EventTrigger(EventKind.WEBHOOK, token_digest=digest))
    trigger = await room.create(hook, alpha, text="[[Event.payload.ref]]", at_once=1)
    await room.triggers.deliver(trigger.recurring_run_id, token, {"branch": "main"})
    told = await room.triggers.test(trigger.recurring_run_id)
    reason = "the event has no payload.ref, which parameter text asks for; it has payload.branch, kind"
    assert (told.refused, told.run) == (reason, None)
    await room.settle(trigger)
    assert await room.runs_of(trigger) == []
    (event,) = await room.history(trigger)
    assert (event.outcome, event.reason, event.run_id) == (EventOutcome.SKIPPED, reason, None)
    await room.triggers.deliver(trigger.recurring_run_id, token, {"ref": "main"})
    await room.settle(trigger)
    assert [run["runtime_config"]["parameters"]["text"] for run in await room.runs_of(trigger)] == ["main"]


async def test_an_event_of_a_conjunction_that_lacks_something_is_skipped_and_the_next_one_counts(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    one = await room.create(
        Trigger(event=EventTrigger(EventKind.WEBHOOK, name="one", token_digest="x", together="pair")), alpha, text="[[Event.payload.ref]]"
    )
    other = await room.create(Trigger(event=EventTrigger(EventKind.WEBHOOK, name="other", token_digest="x", together="pair")), alpha)
    await room.triggers.publish("one", {})
    await room.triggers.publish("other", {})
    await room.triggers.fire_due()
    (event,) = await room.history(one)
    assert event.outcome is EventOutcome.SKIPPED
    assert "no payload.ref" in event.reason
    await room.triggers.publish("one", {"ref": "main"})
    await room.triggers.fire_due()
    assert len([*await room.runs_of(one), *await room.runs_of(other)]) == 1


async def test_triggers_that_belong_together_start_one_run_when_all_have_happened(room: Room) -> None:
    alpha, beta = await room.pipeline("alpha"), await room.pipeline("beta")
    event = EventTrigger(EventKind.WEBHOOK, name="ready", token_digest="x", together="pair")
    called = await room.create(Trigger(event=event), beta, text="[[Event.payload.ref]]")
    ended = await room.create(finished(pipeline="alpha", together="pair"), beta, text="[[Event.state]]")
    both = (called, ended)

    async def started() -> list[str]:
        await room.triggers.fire_due()
        runs = [run for one in both for run in await room.runs_of(one)]
        return [run["runtime_config"]["parameters"]["text"] for run in runs]

    for ref in ("old", "new"):
        await room.triggers.publish("ready", {"ref": ref})
    assert await started() == []
    await room.recurring.set_enabled(ended.recurring_run_id, is_enabled=False)
    assert await started() == [], "a disabled one is still waited for"
    await room.recurring.set_enabled(ended.recurring_run_id, is_enabled=True)
    await room.run(alpha)
    last = max(both, key=lambda one: one.recurring_run_id)
    assert await started() == ["new" if last is called else "SUCCEEDED"]
    assert len(await started()) == 1, "what started a run is used up"
    outcomes = [event.outcome for event in await room.history(called)]
    assert outcomes == [EventOutcome.FIRED, EventOutcome.SKIPPED]
    (fired,) = await room.history(ended)
    assert fired.run_id == (await room.history(called))[0].run_id


@pytest.mark.parametrize("step", ["create", "decide_all"])
async def test_a_crash_while_a_joint_condition_fires_starts_no_second_run_and_uses_no_event_twice(
    room: Room, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The server ends before the run is created, or after that and before what became of the events is recorded; then more happens."""
    alpha = await room.pipeline("alpha")
    both = [
        await room.create(
            Trigger(event=EventTrigger(EventKind.WEBHOOK, name=name, token_digest="x", together="pair")), alpha, text="[[Event.payload.ref]]"
        )
        for name in ("left", "right")
    ]

    async def crash(*given: object, **more: object) -> None:
        del given, more
        raise KeyboardInterrupt

    for name in ("left", "right"):
        await room.triggers.publish(name, {"ref": "first"})
    with monkeypatch.context() as patch:
        patch.setattr(type(room.api.services.runs) if step == "create" else SqlTriggerStore, step, crash)
        with pytest.raises(KeyboardInterrupt):
            await room.triggers.fire_due()
    await room.triggers.publish("left", {"ref": "second"})
    restarted = Room(room.api)
    await restarted.triggers.fire_due()
    await restarted.triggers.fire_due()
    (run,) = [run for one in both for run in await room.runs_of(one)]
    assert run["runtime_config"]["parameters"]["text"] == "first"
    left, right = [await room.history(one) for one in both]
    assert [event.outcome for event in left] == [None, EventOutcome.FIRED]
    assert [(event.outcome, event.run_id) for event in right] == [(EventOutcome.FIRED, run["run_id"])]
    await room.triggers.publish("right", {"ref": "second"})
    await restarted.triggers.fire_due()
    runs = [run for one in both for run in await room.runs_of(one)]
    assert sorted(run["runtime_config"]["parameters"]["text"] for run in runs) == ["first", "second"]


async def test_a_file_fires_when_it_changed_and_came_to_rest(room: Room, tmp_path: Path) -> None:
    alpha = await room.pipeline("alpha")
    folder = tmp_path / "incoming"
    folder.mkdir()
    trigger = await room.create(Trigger(event=EventTrigger(EventKind.FILE, path=str(folder))), alpha)
    for content in ("", "a", "ab", "ab", "ab"):
        if content:
            (folder / "data.csv").write_text(content)
        await room.triggers.look_at_files()
        await room.triggers.look_at_files()
    await room.settle(trigger)
    fired = len(await room.runs_of(trigger))
    assert fired >= 2
    await room.triggers.look_at_files()
    await room.triggers.look_at_files()
    await room.settle(trigger)
    assert len(await room.runs_of(trigger)) == fired


async def test_a_test_says_what_the_last_event_would_start_and_starts_nothing(room: Room) -> None:
    alpha, beta = await room.pipeline("alpha"), await room.pipeline("beta")
    cause = await room.run(alpha)
    trigger = await room.create(finished(pipeline="alpha"), beta, text="[[Event.run_id]]")
    test = await room.triggers.test(trigger.recurring_run_id)
    assert test.run is not None
    assert (test.refused, test.run.new_run.parameters["text"]) == ("", cause["run_id"])
    assert await room.runs_of(trigger) == []
    never = await room.create(finished(pipeline="gamma"), beta)
    assert (await room.triggers.test(never.recurring_run_id)).refused == "nothing of this kind has happened yet"


async def test_incomplete_triggers_are_refused(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    for event in (
        EventTrigger(EventKind.METRIC),
        EventTrigger(EventKind.ARTIFACT, collection="model"),
        EventTrigger(EventKind.FILE, path="relative"),
        EventTrigger(EventKind.RUN_FINISHED, states=("DONE",)),
        EventTrigger(EventKind.RUN_FINISHED, ring_limit=0),
        EventTrigger(EventKind.WEBHOOK),
    ):
        with pytest.raises(InvalidArgumentError):
            await room.create(Trigger(event=event), alpha)


async def test_a_deleted_trigger_leaves_nothing_behind(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    trigger = await room.create(finished(pipeline="alpha"), alpha)
    await room.run(alpha)
    await room.recurring.delete(trigger.recurring_run_id)
    await room.settle()
    row = await room.api.database.read(lambda tx: tx.one("SELECT COUNT(*) AS n FROM trigger_event"))
    assert row is not None
    assert row["n"] == 0


async def test_the_change_log_tells_what_changed_and_no_token(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    schedule = await room.create(Trigger(interval_seconds=60), alpha)
    change = RecurringChange(display_name="renamed", trigger=Trigger(cron="0 0 9 * * *"), parameters={"text": "y"})
    await room.recurring.update(schedule.recurring_run_id, change, by="ann")
    await room.recurring.set_enabled(schedule.recurring_run_id, is_enabled=False, by="ben")
    newest, older = await room.recurring.edits(schedule.recurring_run_id)
    assert (newest.user_name, newest.changes) == ("ben", [("is_enabled", True, False)])
    assert ("trigger", "every minute", "at 09:00:00") in older.changes
    assert ("parameters.text", "x", "y") in older.changes
    hook = await room.create(Trigger(event=EventTrigger(EventKind.WEBHOOK, token_digest=new_token()[1])), alpha)
    await room.recurring.renew_token(hook.recurring_run_id)
    assert [edit.changes for edit in await room.recurring.edits(hook.recurring_run_id)] == [[("token", "", "renewed")]]


async def test_lists_show_and_sort_by_when_schedules_begin_and_end(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    late = await room.create(Trigger(interval_seconds=60, start_at=2e9), alpha)
    early = await room.create(Trigger(cron="0 0 9 * * *", start_at=1e9, end_at=3e9), alpha)
    pages = SqlCatalogPages(room.api.database)
    found = (await pages.list_recurring(ListQuery(sort="start", is_descending=False))).items
    assert [(item.recurring_run_id, item.trigger.get("start"), item.trigger.get("end")) for item in found] == [
        (early.recurring_run_id, 1e9, 3e9),
        (late.recurring_run_id, 2e9, None),
    ]
    by_end = (await pages.list_recurring(ListQuery(sort="end", is_descending=True))).items
    assert [item.recurring_run_id for item in by_end] == [early.recurring_run_id, late.recurring_run_id]


async def test_a_backfill_of_a_schedule_that_never_ran_takes_as_long_as_its_pipeline(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    schedule = await room.create(Trigger(interval_seconds=3600), alpha)
    span = {"from_at": room.api.clock.now() - 4 * 3600, "until_at": room.api.clock.now()}
    assert (await room.backfills.plan(schedule.recurring_run_id, **span)).usual_seconds is None
    await room.run(alpha)
    assert (await room.backfills.plan(schedule.recurring_run_id, **span)).usual_seconds is not None


async def test_a_backfill_starts_what_its_plan_says_and_nothing_twice(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    schedule = await room.create(Trigger(interval_seconds=3600), alpha, at_once=2, text="[[ScheduledTime]]")
    room.api.clock.advance(3600)
    await room.recurring.fire_due()
    (fired,) = await room.runs_of(schedule)
    now = room.api.clock.now()
    span = {"from_at": now - 4 * 3600, "until_at": now}
    plan = await room.backfills.plan(schedule.recurring_run_id, **span)
    assert [time.will_start for time in plan.times] == [True, True, True, True, False]
    assert plan.times[-1].fired_run_id == fired["run_id"]
    assert plan.usual_seconds is not None
    assert plan.total_seconds == 2 * plan.usual_seconds
    cache = SqlTaskCache(room.api.database, has=lambda digest: True, miss_reason=miss_reason)
    costs = BackfillCosts(
        SqlBackfillStore(room.api.database), room.recurring, CachePlanService(room.api.services.runs, cache, room.api.clock)
    )
    cost = await costs.of(schedule.recurring_run_id, plan)
    assert cost is not None
    assert (cost.executed, cost.reused, cost.is_same, cost.is_sampled) == (4, 0, False, True)
    backfill = await room.backfills.start(schedule.recurring_run_id, **span)
    await room.backfills.fire_due()
    (half,) = await room.backfills.list(schedule.recurring_run_id)
    assert (half.done, half.total, half.state) == (2, 4, BackfillState.RUNNING)
    await room.runs_of(schedule)
    await room.backfills.fire_due()
    (whole,) = await room.backfills.list(schedule.recurring_run_id)
    assert (whole.backfill_id, whole.state, whole.failed) == (backfill.backfill_id, BackfillState.FINISHED, 0)
    runs = await room.runs_of(schedule)
    assert len(runs) == 5
    assert len({run["runtime_config"]["parameters"]["text"] for run in runs}) == 5
    assert RunId(scheduled_run_id(schedule.recurring_run_id, plan.times[0].planned_at)) in {run["run_id"] for run in runs}
    with pytest.raises(InvalidArgumentError):
        await room.backfills.start(schedule.recurring_run_id, **span)
    again = await room.backfills.plan(schedule.recurring_run_id, **span, is_again=True)
    assert again.starts == 5


async def test_a_canceled_backfill_starts_no_more(room: Room) -> None:
    alpha = await room.pipeline("alpha")
    schedule = await room.create(Trigger(cron="0 0 * * * *"), alpha, at_once=1)
    now = room.api.clock.now()
    backfill = await room.backfills.start(schedule.recurring_run_id, from_at=now - 86_400, until_at=now)
    await room.backfills.fire_due()
    await room.backfills.cancel(schedule.recurring_run_id, backfill.backfill_id)
    await room.runs_of(schedule)
    await room.backfills.fire_due()
    assert len(await room.runs_of(schedule)) == 1
    assert (await room.backfills.list(schedule.recurring_run_id))[0].state is BackfillState.CANCELED


async def test_a_range_of_the_future_cannot_be_filled_in(room: Room) -> None:
    schedule = await room.create(Trigger(interval_seconds=60), await room.pipeline("alpha"))
    now = room.api.clock.now()
    with pytest.raises(InvalidArgumentError):
        await room.backfills.plan(schedule.recurring_run_id, from_at=now, until_at=now + 60)
    with pytest.raises(InvalidArgumentError):
        await room.backfills.plan(schedule.recurring_run_id, from_at=now, until_at=now - 60)
