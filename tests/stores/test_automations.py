"""Automations on SQLite and PostgreSQL: what the database itself notes, what follows from it, and that nothing happens twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.automations import DeliveryState, EventType, ScopeKind
from penstock.domain.errors import AlreadyExistsError, InvalidArgumentError, PermissionDeniedError, UnavailableError
from penstock.domain.ids import Digest
from penstock.domain.tracking import RunChange
from penstock.domain.versions import ArtifactVersion, NewVersion
from penstock.stores import webhooks
from penstock.stores.sql.automations import SqlAutomationStore
from penstock.stores.sql.collections import SqlCollectionStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.reports import SqlAlertStore
from penstock.stores.sql.tracking_runs import SqlTrackedRunStore
from penstock.stores.sql.versions import SqlVersionStore
from penstock.stores.webhooks import HttpWebhookSender
from penstock.tracking.alerts import AlertService
from penstock.tracking.automation_delivery import AutomationDelivery
from penstock.tracking.automation_firing import AutomationFiring
from penstock.tracking.automations import AutomationScope, AutomationService
from penstock.tracking.filestream import Chunk, StreamMessage
from tests.support.tracking import HandClock, tracking_room

BLOB = Digest("sha256:" + "1" * 64)


@dataclass
class Sender:
    """Answers as told, and remembers what was sent."""

    answers: list[Any] = field(default_factory=list)
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        self.sent.append((url, body))
        answer = self.answers.pop(0) if self.answers else (200, "fine")
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]


class Bench:
    """Everything that automations need, over one database."""

    def __init__(self, database: Database, room: Any, clock: HandClock) -> None:
        self.database, self.room, self.clock = database, room, clock
        self.store, self.sender = SqlAutomationStore(database), Sender()
        self.rules = AutomationService(self.store, clock)
        self.versions, self.collections, runs = SqlVersionStore(database), SqlCollectionStore(database), SqlTrackedRunStore(database)
        self.firing = AutomationFiring(
            self.store, runs=runs, series=room.series, versions=self.versions, collections=self.collections, clock=clock
        )
        alerts = AlertService(SqlAlertStore(database), clock)
        self.delivery = AutomationDelivery(self.store, self.sender, {"T": "s3cret"}.get, runs=runs, alerts=alerts, clock=clock)
        self.project_id = 0

    def scope(self, kind: ScopeKind = ScopeKind.PROJECT, number: int | None = None) -> AutomationScope:
        return AutomationScope(kind, self.project_id if number is None else number, "ann", self.project_id)

    def rule(self, event: EventType, filter_: str = "{}", action: str = "NO_OP", **more: Any) -> int:
        made = self.rules.create(
            more.pop("scope", None) or self.scope(), name=more.pop("name", f"{event.value}{action}"), description="", is_enabled=True,
            event_type=event.value, event_filter=filter_, action_type=action, action=more, user_name="ann",
        )  # fmt: skip
        return made.automation_id

    def log(self, digest: str, *, tags: tuple[str, ...] = (), aliases: tuple[str, ...] = ()) -> ArtifactVersion:
        made = self.versions.create_version(NewVersion(self.project_id, "dataset", "ds", digest, 1.0, "ann", tags=tags, aliases=aliases))
        return self.versions.commit_version(made.version_id, digest=digest, size_bytes=1, file_count=1, manifest=BLOB, at=2.0)

    async def fire(self) -> None:
        while await self.firing.settle(await self.firing.enabled()) or await self.delivery.perform_due():
            pass

    def logged(self, automation_id: int) -> list[tuple[str, str]]:
        found = self.store.deliveries([automation_id], limit=50)[automation_id]
        return [(entry.subject, entry.state.value) for entry in reversed(found)]


@pytest.fixture
async def bench(database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    clock = HandClock()
    async with tracking_room(tmp_path, clock, database) as room:
        found = Bench(database, room, clock)
        project, _ = await room.projects.upsert("ann", "p")
        found.project_id = project.project_id
        yield found


async def test_what_happens_to_artifacts_is_noted_by_the_database_and_fires_once(bench: Bench) -> None:
    before = bench.log("d0")
    assert bench.store.waiting_events(limit=10) == []  # nobody waited for it
    rules = {event: bench.rule(event) for event in EventType if not event.is_of_runs}
    only = bench.rule(EventType.ADD_ARTIFACT_ALIAS, '{"$or": [{"$and": [{"alias": {"$eq": "prod"}}]}]}', name="only prod")
    version = bench.log("d1", aliases=("prod",))
    sequence = version.collection_id
    bench.versions.update_version(version.version_id, changes={}, add_tags=["t"], at=3.0)
    bench.versions.update_version(version.version_id, changes={}, remove_tags=["t"], at=3.0)
    bench.collections.change_collection_tags(sequence, add=["c"], at=3.0)
    bench.collections.change_collection_tags(sequence, remove=["c"], at=3.0)
    portfolio = bench.collections.ensure_portfolio(bench.project_id, "port", "dataset", at=3.0)
    bench.collections.link(portfolio.collection_id, before.version_id, ["stage"], at=3.0)
    bench.collections.unlink(portfolio.collection_id, before.version_id, at=9.0)
    bench.collections.set_aliases(version.version_id, [(sequence, "prod")], at=4.0)  # it has it already
    await bench.fire()
    v1 = "ann/p/ds:v1"
    assert {event.value: [subject for subject, _ in bench.logged(number)] for event, number in rules.items()} == {
        "CREATE_ARTIFACT": [v1], "ADD_ARTIFACT_ALIAS": [f"{v1} prod", f"{v1} latest", "ann/p/port:v0 stage", "ann/p/port:v0 latest"],
        "ADD_ARTIFACT_TAG": [f"{v1} t"], "REMOVE_ARTIFACT_TAG": [f"{v1} t"], "ADD_COLLECTION_TAG": ["ann/p/ds c"],
        "REMOVE_COLLECTION_TAG": ["ann/p/ds c"], "LINK_MODEL": ["ann/p/port:v0"], "UNLINK_ARTIFACT": ["ann/p/port:v0"],
    }  # fmt: skip
    assert bench.logged(only) == [(f"{v1} prod", "done")]
    await bench.fire()
    assert bench.logged(only) == [(f"{v1} prod", "done")]


async def test_a_stored_filter_that_would_be_refused_by_now_holds_up_no_other_automation(bench: Bench) -> None:
    old, other = bench.rule(EventType.ADD_ARTIFACT_ALIAS, name="old"), bench.rule(EventType.ADD_ARTIFACT_ALIAS, name="other")
    filter_ = '{"alias": {"$regex": "(?=(a|ab)*$)"}}'
    await bench.database.write(lambda tx: tx.execute("UPDATE automation SET event_filter = ? WHERE automation_id = ?", [filter_, old]))
    bench.log("d0", aliases=("ab",))
    await bench.fire()
    assert (bench.logged(old), len(bench.logged(other))) == ([], 2)


async def test_states_and_metrics_of_runs_fire_within_their_scope(bench: Bench) -> None:
    state = '{"run_filter": "{\\"$and\\": []}", "run_state_filter": {"states": ["FAILED"]}}'
    metric = '{"run_filter": "{}", "run_metric_filter": {"threshold_filter": {"name": "m", "cmp_op": "$gte", "threshold": 3}}}'
    failed, high = bench.rule(EventType.RUN_STATE, state), bench.rule(EventType.RUN_METRIC, metric)
    for project in ("p", "other"):
        run = (await bench.room.runs.upsert("ann", project, "r", RunChange())).run
        for step in range(5):
            message = StreamMessage(history=Chunk(step, [f'{{"_step": {step}, "m": {step}}}']), is_complete=step == 4, exit_code=1)
            await bench.room.filestream.post("ann", project, "r", message)
            fresh = await bench.room.runs.get_by_id(run.run_id)
            await bench.firing.look_at(await bench.firing.enabled(), fresh)
    await bench.fire()
    assert [entry[1] for entry in bench.logged(failed)] == ["done"]
    assert len(bench.logged(high)) == 1
    assert "m = 3" in bench.logged(high)[0][0]
    restarted = AutomationFiring(
        bench.store, runs=SqlTrackedRunStore(bench.database), series=bench.room.series, versions=bench.versions,
        collections=bench.collections, clock=bench.clock,
    )  # fmt: skip
    run = (await bench.room.runs.upsert("ann", "p", "r", RunChange())).run
    await restarted.look_at(await restarted.enabled(), run)
    assert len(bench.logged(high)) == 1


async def test_rows_that_nobody_looked_at_before_a_kill_fire_after_the_start(bench: Bench) -> None:
    metric = '{"run_filter": "{}", "run_metric_filter": {"threshold_filter": {"name": "m", "cmp_op": "$gte", "threshold": 3}}}'
    high = bench.rule(EventType.RUN_METRIC, metric)
    rows = StreamMessage(history=Chunk(0, ['{"_step": 0, "m": 9}']), is_complete=True, exit_code=0)
    await bench.room.runs.upsert("ann", "p", "unseen", RunChange())
    await bench.room.filestream.post("ann", "p", "unseen", rows)
    bench.clock.time += 3600
    later = bench.rule(EventType.RUN_METRIC, metric, name="made after the run was over")
    for _ in range(2):
        started = AutomationFiring(
            bench.store, runs=SqlTrackedRunStore(bench.database), series=bench.room.series, versions=bench.versions,
            collections=bench.collections, clock=bench.clock,
        )  # fmt: skip
        await started.catch_up(await started.enabled())
    assert [subject.partition("(")[2] for subject, _ in bench.logged(high)] == ["unseen): m = 9"]
    assert bench.logged(later) == []


async def test_a_webhook_is_tried_again_refused_for_good_and_shows_no_secret(bench: Bench) -> None:
    target = bench.rules.create_integration("ann", name="hook", url="http://h/x", access_token_ref="T")
    number = bench.rule(
        EventType.CREATE_ARTIFACT, action="GENERIC_WEBHOOK", integration_id=target.integration_id, request_payload='{"t": "${ACCESS_TOKEN}"}'
    )
    bench.sender.answers = [(503, "later"), UnavailableError("nobody"), (200, "token s3cret is fine")]
    bench.log("d0")
    await bench.fire()
    assert bench.logged(number) == [("ann/p/ds:v0", "pending")]
    for _ in range(2):
        bench.clock.time += 1000
        await bench.fire()
    [entry] = bench.store.deliveries([number], limit=5)[number]
    assert (entry.state, entry.attempts, entry.detail) == (DeliveryState.DONE, 3, "POST http://h/x: 200 token *** is fine")
    assert bench.sender.sent == [("http://h/x", b'{"t": "s3cret"}')] * 3
    bench.sender.answers = [PermissionDeniedError("not allowed")]
    bench.log("d1")
    await bench.fire()
    assert bench.logged(number)[-1] == ("ann/p/ds:v1", "refused")
    bench.sender.answers = [(400, "what?"), (200, "now it is")]
    for state in ("failed", "done"):
        newest = bench.store.deliveries([number], limit=1)[number][0]
        assert not bench.rules.send_again(number + 1, newest.delivery_id)
        assert bench.rules.send_again(number, newest.delivery_id)
        assert not bench.rules.send_again(number, newest.delivery_id)
        await bench.fire()
        assert bench.logged(number)[-1] == ("ann/p/ds:v1", state)
    assert not bench.rules.send_again(number, entry.delivery_id)
    assert bench.logged(number)[0] == ("ann/p/ds:v0", "done")


async def test_a_receiver_that_does_not_answer_holds_up_its_own_deliveries_only(bench: Bench) -> None:
    target = bench.rules.create_integration("ann", name="hook", url="http://h/x")
    hanging = bench.rule(EventType.CREATE_ARTIFACT, action="GENERIC_WEBHOOK", integration_id=target.integration_id)
    told = bench.rule(EventType.CREATE_ARTIFACT, action="NOTIFICATION", title="t", message="", severity="INFO")
    asked, answered, others = asyncio.Event(), asyncio.Event(), asyncio.Event()
    loop, end = asyncio.get_running_loop(), bench.store.end_delivery

    async def hang(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        asked.set()
        await answered.wait()
        raise UnavailableError("no answer within 10 s")

    def ended(*of: Any, **more: Any) -> None:
        end(*of, **more)
        if [state for _, state in bench.logged(told)] == ["done"] * 3:
            loop.call_soon_threadsafe(others.set)

    bench.sender.send = hang  # type: ignore[method-assign]
    bench.store.end_delivery = ended  # type: ignore[method-assign]
    for digest in ("d0", "d1", "d2"):
        bench.log(digest)
    await bench.firing.settle(await bench.firing.enabled())
    performing = asyncio.ensure_future(bench.delivery.perform_due())
    await asked.wait()
    await others.wait()
    answered.set()
    await performing
    entries = bench.store.deliveries([hanging], limit=5)[hanging]
    assert [(entry.state.value, entry.attempts) for entry in entries] == [("pending", 0), ("pending", 0), ("pending", 1)]
    assert {entry.due_at for entry in entries} == {bench.clock.time + 5}


async def test_rules_are_checked_named_once_and_go_with_what_they_watch(bench: Bench) -> None:
    version = bench.log("d0")
    number = bench.rule(EventType.CREATE_ARTIFACT, scope=bench.scope(ScopeKind.ARTIFACT_COLLECTION, version.collection_id), name="n")
    with pytest.raises(AlreadyExistsError):
        bench.rule(EventType.CREATE_ARTIFACT, name="n")
    for filter_ in ("[]", '{"$what": 1}', "no JSON"):
        with pytest.raises(InvalidArgumentError):
            bench.rule(EventType.CREATE_ARTIFACT, filter_, name="x")
    with pytest.raises(InvalidArgumentError):
        bench.rule(EventType.RUN_STATE, "{}", name="x")
    with pytest.raises(InvalidArgumentError):
        bench.rule(EventType.CREATE_ARTIFACT, action="GENERIC_WEBHOOK", name="x", integration_id=99)
    bench.log("d1")
    await bench.fire()
    [entry] = bench.rules.with_deliveries(project_id=bench.project_id)
    assert (entry.automation.name, [one.subject for one in entry.deliveries]) == ("n", ["ann/p/ds:v1"])
    bench.collections.delete_collection(version.collection_id, at=5.0)
    assert bench.rules.get(number) is None
    assert bench.store.deliveries([number], limit=5)[number] == []


@pytest.mark.parametrize("drop", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"])
async def test_a_webhook_that_is_not_answered_whole_is_given_up(monkeypatch: pytest.MonkeyPatch, drop: bytes) -> None:
    monkeypatch.setattr(webhooks, "_TIMEOUT_SECONDS", 0.5)

    gone = asyncio.Event()

    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = asyncio.ensure_future(reader.read())  # until the other side hangs up
        writer.write(drop)
        with contextlib.suppress(ConnectionError):
            while not asked.done():
                await asyncio.wait([asked], timeout=0.1)
                writer.write(b"x" if drop else b"")  # each byte comes in time
            await writer.drain()
        writer.close()
        gone.set()

    server = await asyncio.start_server(dripping, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sender = HttpWebhookSender([], is_own_machine=lambda host: True)
    with pytest.raises(UnavailableError, match=r"no answer within 0\.5 s"):
        await sender.send(f"http://127.0.0.1:{port}/", b"{}", {})
    await gone.wait()
    server.close()
    await server.wait_closed()


async def test_webhooks_go_only_where_settings_allow() -> None:
    sender = HttpWebhookSender(["good.example", "other:1"], is_own_machine=lambda host: False)
    for url in ("http://127.0.0.1/x", "http://evil.example/", "file:///etc/passwd", "http://other:2/", "http://good.example@evil.example/", "x"):
        with pytest.raises(PermissionDeniedError):
            await sender.send(url, b"{}", {})

