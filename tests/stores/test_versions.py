"""Artifact versions, collections, sweeps, reports and keys on SQLite and PostgreSQL: one suite."""

from __future__ import annotations

import asyncio

import pytest

from penstock.domain.errors import AlreadyExistsError, ConflictError, NotFoundError, PermissionDeniedError, PreconditionError
from penstock.domain.ids import Digest, TrackedRunId
from penstock.domain.reports import AlertSeverity
from penstock.domain.sweeps import AgentState, Suggestion, SweepState, TrialResult
from penstock.domain.versions import (
    COMMIT_HASH_LENGTH,
    ArtifactVersion,
    CollectionKind,
    ManifestKind,
    NewVersion,
    StoredContent,
    UploadPart,
    UseDirection,
    VersionState,
)
from penstock.interfaces.versions import CollectionQuery, MembershipQuery
from penstock.server.clock import SystemIds
from penstock.stores.sql.collections import SqlCollectionStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.gaps import SqlGapStore
from penstock.stores.sql.pages_tracking import SqlTrackingPages
from penstock.stores.sql.registries import SqlRegistryStore
from penstock.stores.sql.reports import SqlAlertStore, SqlReportStore
from penstock.stores.sql.sweeps import SqlSweepStore
from penstock.stores.sql.versions import SqlVersionStore
from penstock.tracking.alerts import AlertService
from penstock.tracking.gaps import GapService
from penstock.tracking.reports import ReportService
from penstock.tracking.sweeps import SweepService
from tests.support.tracking import HandClock

PROJECT = 7
BLOB = Digest("sha256:" + "1" * 64)


@pytest.fixture
def database(database: Database) -> Database:
    database.write_sync(
        lambda tx: tx.execute(
            "INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (?, 'ann', 'p', 1.0, 1.0)", (PROJECT,)
        )
    )
    return database


@pytest.fixture
def versions(database: Database) -> SqlVersionStore:
    return SqlVersionStore(database)


@pytest.fixture
def collections(database: Database) -> SqlCollectionStore:
    return SqlCollectionStore(database)


def new(digest: str, *, name: str = "ds", type_name: str = "dataset", aliases: tuple[str, ...] = (), **extra: object) -> NewVersion:
    return NewVersion(PROJECT, type_name, name, digest, 1.0, "ann", aliases=aliases, **extra)  # type: ignore[arg-type]


def committed(versions: SqlVersionStore, digest: str, **extra: object) -> ArtifactVersion:
    made = versions.create_version(new(digest, **extra))  # type: ignore[arg-type]
    return versions.commit_version(made.version_id, digest=digest, size_bytes=3, file_count=1, manifest=BLOB, at=2.0)


def aliases(collections: SqlCollectionStore, version: ArtifactVersion) -> list[str]:
    return sorted(alias.alias for alias in collections.aliases_of_versions([version.version_id]).get(version.version_id, ()))


def test_commits_number_versions_and_move_latest(versions: SqlVersionStore, collections: SqlCollectionStore) -> None:
    first, second = committed(versions, "a", aliases=("best",)), committed(versions, "b")
    assert (first.version_index, second.version_index) == (0, 1)
    assert aliases(collections, first) == ["best"]
    assert aliases(collections, second) == ["latest"]
    assert versions.commit_version(first.version_id, digest="zzz", size_bytes=0, file_count=0, manifest=BLOB, at=9.0) == first


def test_equal_content_is_reused_and_aliases_move(versions: SqlVersionStore, collections: SqlCollectionStore) -> None:
    first, second = committed(versions, "a"), committed(versions, "b", aliases=("best",))
    again = versions.create_version(new("a", aliases=("latest", "best"), creator_run_id=TrackedRunId(5)))
    assert again.version_id == first.version_id
    assert aliases(collections, first) == ["best", "latest"]
    assert aliases(collections, second) == []
    assert versions.versions_of_run(TrackedRunId(5), UseDirection.OUTPUT, offset=0, limit=None) == ([again], 1)
    assert versions.create_version(new("b", dedupe_any=False)).state is VersionState.PENDING


def test_writers_of_one_distributed_version_share_it(versions: SqlVersionStore) -> None:
    one = versions.create_version(new("a", distributed_id="job"))
    two = versions.create_version(new("b", distributed_id="job", creator_run_id=TrackedRunId(5)))
    assert one.version_id == two.version_id


def test_a_version_that_is_announced_again_is_the_same_until_it_is_in(versions: SqlVersionStore) -> None:
    first = versions.create_version(new("a", client_id="c1", aliases=("one",)))
    again = versions.create_version(new("a", client_id="c1", aliases=("two",), creator_run_id=TrackedRunId(5)))
    assert (again.version_id, again.state) == (first.version_id, VersionState.PENDING)
    others = [versions.create_version(new("a", client_id="c2")), versions.create_version(new("b", client_id="c1")), versions.create_version(new("a"))]
    assert len({first.version_id, *(other.version_id for other in others)}) == 4
    versions.commit_version(first.version_id, digest="a", size_bytes=0, file_count=0, manifest=BLOB, at=4.0)
    assert versions.create_version(new("b", client_id="c1")).version_id == others[1].version_id
    assert versions.create_version(new("a", client_id="c1")).version_id == first.version_id


def test_another_type_is_refused(versions: SqlVersionStore, collections: SqlCollectionStore) -> None:
    committed(versions, "a")
    with pytest.raises(ConflictError, match="already exists with type 'dataset'"):
        versions.create_version(new("b", type_name="model"))
    collections.ensure_portfolio(PROJECT, "links", "dataset", at=1.0)
    with pytest.raises(ConflictError, match="portfolio"):
        versions.create_version(new("b", name="links"))


def test_deleting_asks_for_aliases_and_hands_latest_down(versions: SqlVersionStore, collections: SqlCollectionStore) -> None:
    first, second = committed(versions, "a"), committed(versions, "b", aliases=("best",))
    with pytest.raises(PreconditionError, match="best, latest"):
        versions.delete_version(second.version_id, with_aliases=False, at=3.0)
    assert versions.delete_version(second.version_id, with_aliases=True, at=3.0).state is VersionState.DELETED
    assert aliases(collections, first) == ["latest"]
    assert committed(versions, "b").version_index == 2
    with pytest.raises(ConflictError):
        versions.commit_version(second.version_id, digest="b", size_bytes=0, file_count=0, manifest=BLOB, at=4.0)


def test_members_are_found_by_alias_number_and_digest(versions: SqlVersionStore, collections: SqlCollectionStore) -> None:
    first, second = committed(versions, "a", aliases=("best",)), committed(versions, "b")
    found = {name: collections.membership(first.collection_id, name) for name in ("best", "v1", "b", "latest", "v2", "x", "v99999999999999")}
    assert {name: member.version_id for name, member in found.items() if member} == {
        "best": first.version_id, "v1": second.version_id, "b": second.version_id, "latest": second.version_id,
    }  # fmt: skip


def test_members_are_found_by_commit_hash_and_an_alias_that_looks_like_one_goes_first(
    versions: SqlVersionStore, collections: SqlCollectionStore
) -> None:
    digests = [letter * COMMIT_HASH_LENGTH + "0" * 12 for letter in "ab"]
    first, second = committed(versions, digests[0]), committed(versions, digests[1], aliases=("c" * COMMIT_HASH_LENGTH,))
    names = ["a" * COMMIT_HASH_LENGTH, "b" * COMMIT_HASH_LENGTH, "c" * COMMIT_HASH_LENGTH, "d" * COMMIT_HASH_LENGTH, "a" * 19, digests[1]]
    found = [collections.membership(first.collection_id, name) for name in names]
    assert [member and member.version_id for member in found] == [
        first.version_id, second.version_id, second.version_id, None, None, second.version_id,
    ]  # fmt: skip


def test_members_are_paged_and_filtered(versions: SqlVersionStore, collections: SqlCollectionStore) -> None:
    made = [committed(versions, str(i), metadata=f'{{"acc": {i}, "deep": {{"x": "{i}"}}}}', tags=("even",) if i % 2 == 0 else ()) for i in range(5)]
    ids = [made[0].collection_id]
    page, total = collections.find_memberships(MembershipQuery(ids, offset=1, limit=2))
    assert ([member.version_index for member in page], total) == ([3, 2], 5)
    for where, expected in (
        ({"metadata.acc": {"$gte": 3}}, [4, 3]),
        ({"metadata.deep.x": "1"}, [1]),
        ({"tag": "even"}, [4, 2, 0]),
        ({"alias": "latest"}, [4]),
        ({"state": "COMMITTED"}, [4, 3, 2, 1, 0]),
        ({"version": "v2"}, [2]),
    ):
        found, count = collections.find_memberships(MembershipQuery(ids, where=where))
        assert ([member.version_index for member in found], count) == (expected, len(expected)), where


def test_links_have_their_own_numbers(versions: SqlVersionStore, collections: SqlCollectionStore) -> None:
    committed(versions, "a")
    second = committed(versions, "b")
    portfolio = collections.ensure_portfolio(PROJECT, "links", "dataset", at=1.0)
    member = collections.link(portfolio.collection_id, second.version_id, ["prod"], at=2.0)
    assert member.version_index == 0
    assert collections.link(portfolio.collection_id, second.version_id, [], at=3.0) == member
    assert [entry.collection_id for entry in collections.memberships_of([second.version_id])[second.version_id]] == [
        second.collection_id, portfolio.collection_id,
    ]  # fmt: skip
    assert collections.unlink(portfolio.collection_id, second.version_id, at=9.0)
    assert not collections.unlink(portfolio.collection_id, second.version_id, at=9.0)
    assert aliases(collections, second) == ["latest"]
    with pytest.raises(ConflictError):
        collections.ensure_portfolio(PROJECT, "ds", "dataset", at=1.0)


def test_collections_are_changed_tagged_found_and_deleted(versions: SqlVersionStore, collections: SqlCollectionStore) -> None:
    made = committed(versions, "a")
    committed(versions, "b", name="other")
    collections.change_collection_tags(made.collection_id, add=["gold", "x"], remove=["x"], at=2.0)
    changed = collections.update_collection(made.collection_id, name="renamed", description="d", type_name="model", at=2.0)
    assert (changed.name, changed.description, changed.type_name) == ("renamed", "d", "model")
    with pytest.raises(AlreadyExistsError):
        collections.update_collection(made.collection_id, name="other", at=2.0)
    found, total = collections.find_collections(CollectionQuery([PROJECT], where={"tag": "gold"}))
    assert ([entry.name for entry in found], total) == (["renamed"], 1)
    assert [entry.name for entry in collections.find_collections(CollectionQuery([PROJECT], kinds=[CollectionKind.SEQUENCE]))[0]] == [
        "other", "renamed",
    ]  # fmt: skip
    collections.delete_collection(made.collection_id, at=3.0)
    assert versions.version(made.version_id) is None
    with pytest.raises(NotFoundError):
        collections.delete_collection(made.collection_id, at=3.0)


def test_manifests_content_and_parts(versions: SqlVersionStore) -> None:
    made = versions.create_version(new("a"))
    first = versions.upsert_manifest(made.version_id, "m", kind=ManifestKind.FULL, md5="", base_version_id=None, at=1.0)
    second = versions.upsert_manifest(made.version_id, "m", kind=ManifestKind.FULL, md5="ff", base_version_id=None, at=1.0)
    assert first.manifest_id == second.manifest_id
    assert second.md5 == "ff"
    versions.set_manifest_blob(first.manifest_id, md5="ff", digest=BLOB, size_bytes=3)
    assert [manifest.blob_digest for manifest in versions.manifests(made.version_id)] == [BLOB]
    parts = [versions.upsert_manifest(made.version_id, "p", kind=ManifestKind.PATCH, md5="", base_version_id=None, at=1.0) for _ in range(2)]
    assert len({part.manifest_id for part in parts}) == 2
    contents = [StoredContent(f"{i:032x}", BLOB, i, made.version_id) for i in range(1200)]
    versions.add_content(PROJECT, contents)
    versions.add_content(PROJECT, contents[:1])
    assert len(versions.content(PROJECT, [entry.md5 for entry in contents])) == 1200
    assert versions.content(8, [contents[0].md5]) == {}
    assert versions.content_of_entity("ann", contents[3].md5) == contents[3]
    versions.put_part(made.version_id, "ff", UploadPart(1, "aa", BLOB, 3))
    versions.put_part(made.version_id, "ff", UploadPart(1, "bb", BLOB, 3))
    assert [part.md5 for part in versions.parts(made.version_id, "ff")] == ["bb"]
    versions.drop_parts(made.version_id, "ff")
    assert versions.parts(made.version_id, "ff") == []


def test_use_is_recorded_once(versions: SqlVersionStore) -> None:
    made = committed(versions, "a")
    for _ in range(2):
        versions.note_use(TrackedRunId(9), made.version_id, UseDirection.INPUT, used_as=None, at=1.0)
    assert versions.runs_using(made.version_id) == [9]
    assert versions.versions_of_run(TrackedRunId(9), UseDirection.INPUT, offset=0, limit=1)[1] == 1


def test_what_several_runs_used_and_logged_is_read_at_once(database: Database, versions: SqlVersionStore) -> None:
    first, second = committed(versions, "a"), committed(versions, "b", name="model", type_name="model")
    open_one = versions.create_version(new("c"))
    for run, version, way in ((9, first, UseDirection.INPUT), (9, second, UseDirection.OUTPUT), (8, first, UseDirection.INPUT), (9, open_one, UseDirection.OUTPUT)):
        versions.note_use(TrackedRunId(run), version.version_id, way, used_as=None, at=1.0)
    pages = SqlTrackingPages(database)
    found = asyncio.run(pages.versions_of_runs([TrackedRunId(9), TrackedRunId(8), TrackedRunId(7)]))
    assert [(one.run_id, one.direction, one.collection, one.type_name, one.digest) for one in found] == [
        (8, "input", "ds", "dataset", "a"), (9, "input", "ds", "dataset", "a"), (9, "output", "model", "model", "b"),
    ]  # fmt: skip
    assert asyncio.run(pages.versions_of_runs([])) == ()


def test_versions_expire(versions: SqlVersionStore) -> None:
    made = committed(versions, "a", ttl_seconds=10)
    committed(versions, "b")
    assert versions.expired(5.0, limit=9) == []
    assert [version.version_id for version in versions.expired(20.0, limit=9)] == [made.version_id]


def test_sweeps_hand_out_each_position_once(database: Database) -> None:
    store, clock = SqlSweepStore(database), HandClock()
    service = SweepService(store, clock, SystemIds())
    sweep = service.create(PROJECT, "ann", "method: grid\nparameters:\n  a:\n    values: [1, 2]\n")
    agents = [service.register(sweep, "host", "ann") for _ in range(2)]
    assert not store.add_trial(sweep.sweep_id, 3, "late", agents[0].agent_id, Suggestion({}), at=1.0)
    commands = [service.heartbeat(agent.agent_id, [], lambda *_: []) for agent in agents]
    assert [command[0]["args"] for command in commands] == [{"a": {"value": 1}}, {"a": {"value": 2}}]
    assert service.heartbeat(agents[0].agent_id, [commands[0][0]["run_id"]], lambda *_: []) == []
    assert service.heartbeat(agents[0].agent_id, [], lambda *_: []) == [{"type": "exit"}]
    finished = service.get(sweep.sweep_id)
    assert finished is not None
    assert finished.state is SweepState.FINISHED
    with pytest.raises(ConflictError):
        service.change(sweep.sweep_id, state="PAUSED")
    assert service.delete(sweep.sweep_id)
    with pytest.raises(NotFoundError):
        service.heartbeat(agents[0].agent_id, [], lambda *_: [])


def test_an_agent_is_known_to_have_ended_as_soon_as_it_was_told_to_exit(database: Database) -> None:
    clock = HandClock()
    service = SweepService(SqlSweepStore(database), clock, SystemIds())
    sweep = service.create(PROJECT, "ann", "method: grid\nparameters:\n  a:\n    values: [1]\n")
    agents = [service.register(sweep, "host", "ann") for _ in range(2)]
    service.heartbeat(agents[0].agent_id, [], lambda *_: [])

    def states() -> list[AgentState]:
        known = service.get(sweep.sweep_id)
        assert known is not None
        return [service.agent_state(agent, known) for agent in service.agents(sweep.sweep_id)]

    assert states() == [AgentState.WORKING, AgentState.WORKING]
    assert service.heartbeat(agents[1].agent_id, [], lambda *_: []) == [{"type": "exit"}]
    assert states() == [AgentState.WORKING, AgentState.ENDED]
    assert not service.is_alive(service.agents(sweep.sweep_id)[1])
    service.heartbeat(agents[1].agent_id, ["another"], lambda *_: [])
    assert states() == [AgentState.WORKING, AgentState.WORKING], "it was heard of again"


def test_an_agent_that_misses_heartbeats_is_silent_then_gone(database: Database) -> None:
    clock = HandClock()
    service = SweepService(SqlSweepStore(database), clock, SystemIds())
    sweep = service.create(PROJECT, "ann", "method: random\nparameters:\n  a:\n    min: 0.0\n    max: 1.0\n")
    agent = service.register(sweep, "host", "ann")
    found = []
    for seconds in (15, 10, 100):
        clock.time += seconds
        found.append(service.agent_state(agent, sweep))
    assert found == [AgentState.WORKING, AgentState.SILENT, AgentState.GONE]
    service.heartbeat(agent.agent_id, [], lambda *_: [])
    paused = service.change(sweep.sweep_id, state="PAUSED")
    assert [service.agent_state(one, paused) for one in service.agents(sweep.sweep_id)] == [AgentState.WAITING]


def test_preempted_trials_come_first_and_once(database: Database) -> None:
    clock = HandClock()
    service = SweepService(SqlSweepStore(database), clock, SystemIds())
    sweep = service.create(PROJECT, "ann", "method: grid\nparameters:\n  a:\n    values: [1, 2]\n")
    agents = [service.register(sweep, "host", "ann") for _ in range(2)]
    first = service.heartbeat(agents[0].agent_id, [], lambda *_: [])[0]
    preempted = [(first["run_id"], clock.time + 1)]
    clock.time += 2
    commands = [service.heartbeat(agent.agent_id, [], lambda *_: [], lambda _: preempted)[0] for agent in agents]
    assert commands[0] == {**first, "type": "resume"}
    assert (commands[1]["type"], commands[1]["args"]) == ("run", {"a": {"value": 2}})
    assert service.trials(sweep.sweep_id)[0].agent_id == agents[0].agent_id
    clock.time += 2
    again = service.heartbeat(agents[1].agent_id, [], lambda *_: [], lambda _: [(first["run_id"], clock.time - 1)])
    assert again == [{**first, "type": "resume"}]
    assert service.trials(sweep.sweep_id)[0].agent_id == agents[1].agent_id


def test_a_sweep_ends_at_its_target(database: Database) -> None:
    service = SweepService(SqlSweepStore(database), HandClock(), SystemIds())
    config = "method: random\nmetric: {name: loss, target: 0.1}\nparameters:\n  a: {min: 0.0, max: 1.0}\n"
    sweep = service.create(PROJECT, "ann", config)
    agent = service.register(sweep, "host", "ann")
    assert service.heartbeat(agent.agent_id, [], lambda *_: [TrialResult("r", False, False, 0.2)])[0]["type"] == "run"
    assert service.heartbeat(agent.agent_id, [], lambda *_: [TrialResult("r", False, False, 0.1)]) == [{"type": "exit"}]
    ended = service.get(sweep.sweep_id)
    assert ended is not None
    assert ended.state is SweepState.FINISHED


def test_paused_sweeps_wait_and_canceled_ones_stop(database: Database) -> None:
    service = SweepService(SqlSweepStore(database), HandClock(), SystemIds())
    sweep = service.create(PROJECT, "ann", "method: random\nparameters:\n  a:\n    min: 0.0\n    max: 1.0\n")
    agent = service.register(sweep, "host", "ann")
    service.change(sweep.sweep_id, state="PAUSED")
    assert service.heartbeat(agent.agent_id, [], lambda *_: []) == []
    service.change(sweep.sweep_id, state="RUNNING")
    assert service.heartbeat(agent.agent_id, [], lambda *_: [])[0]["type"] == "run"
    service.change(sweep.sweep_id, state="CANCELED")
    assert service.heartbeat(agent.agent_id, ["r"], lambda *_: []) == [{"type": "exit"}]


def test_reports_alerts_gaps_registries_and_keys(database: Database) -> None:
    clock = HandClock()
    reports = ReportService(SqlReportStore(database), clock)
    report = reports.create(PROJECT, "ann", kind="runs", name="r", spec='{"a": 1}')
    assert reports.change(report.report_id, display_name="new", is_locked=True).display_name == "new"
    with pytest.raises(ConflictError):
        reports.change(report.report_id, display_name="again")
    assert [found.name for found in reports.list(PROJECT, kind="runs")[0]] == ["r"]
    assert reports.delete(report.report_id)
    alerts = AlertService(SqlAlertStore(database), clock)
    run = TrackedRunId(4)
    assert alerts.raise_alert(run, title="t", text="x", severity=AlertSeverity.WARN) is not None
    assert alerts.raise_alert(run, title="t", text="x", severity=AlertSeverity.WARN) is None
    clock.time += 61
    assert alerts.raise_alert(run, title="t", text="x", severity=AlertSeverity.WARN) is not None
    assert len(alerts.list(run_id=run)) == 2
    gaps = GapService(SqlGapStore(database), clock)
    for _ in range(3):
        gaps.note("wandb", "x", "agent")
    database.write_sync(lambda tx: None)
    assert [gap.seen for gap in gaps.list()] == [3]
    registries = SqlRegistryStore(database)
    assert registries.allows_all_types(PROJECT)
    registries.put_registry(PROJECT, allow_all_types=False)
    registries.set_member(PROJECT, 1, "admin")
    registries.set_member(PROJECT, 1, "viewer")
    assert not registries.allows_all_types(PROJECT)
    assert registries.members(PROJECT) == {1: "viewer"}


def test_history_names_who_changed_what(database: Database, versions: SqlVersionStore, collections: SqlCollectionStore) -> None:
    first, second = committed(versions, "d1", aliases=("best",)), committed(versions, "d2")
    place = second.collection_id
    collections.set_aliases(second.version_id, [(place, "best")], at=5.0, by="bob")
    collections.set_aliases(second.version_id, [(place, "best")], at=6.0, by="bob")
    collections.drop_aliases(second.version_id, [(place, "best"), (place, "unknown")], at=7.0, by="eve")
    versions.update_version(second.version_id, changes={"ttl_seconds": 60, "description": None}, add_tags=["t"], at=8.0, by="bob")
    portfolio = collections.ensure_portfolio(PROJECT, "links", "dataset", at=8.0)
    collections.link(portfolio.collection_id, second.version_id, [], at=9.0, by="bob")
    collections.link(portfolio.collection_id, second.version_id, [], at=9.5, by="bob")
    found = asyncio.run(SqlTrackingPages(database).changes(place, second.version_id))
    told = [(line.user_name, line.kind, line.subject, line.old_value, line.new_value, line.version_index) for line in found]
    assert told == [
        ("bob", "link", "", None, "v0", 1),
        ("bob", "tag", "t", None, "t", 1),
        ("bob", "ttl", "", None, "60", 1),
        ("eve", "alias", "best", "v1", None, 1),
        ("bob", "alias", "best", "v0", "v1", 1),
        ("ann", "created", "", None, "v1", 1),
        ("ann", "alias", "best", None, "v0", 0),
        ("ann", "created", "", None, "v0", 0),
    ]
    versions.delete_version(first.version_id, with_aliases=True, at=10.0, by="eve")
    assert asyncio.run(SqlTrackingPages(database).changes(place, first.version_id))[0].kind == "delete"


def test_protected_aliases_are_changed_by_who_protected_them_and_by_administrators(
    database: Database, versions: SqlVersionStore, collections: SqlCollectionStore
) -> None:
    registries = SqlRegistryStore(database)
    first, second = committed(versions, "d1"), committed(versions, "d2")
    place = collections.ensure_portfolio(PROJECT, "links", "dataset", at=3.0).collection_id
    collections.link(place, first.version_id, ["production"], at=4.0, by="eve")
    registries.set_protected(PROJECT, "production", is_protected=True, by="ann", at=5.0)
    assert registries.protected_aliases(PROJECT) == {"production": "ann"}
    for by, locked in (("ann", {}), ("eve", {"production": "ann"})):
        assert registries.locked_aliases(by, project_id=PROJECT) == locked
        assert registries.locked_aliases(by, version_id=first.version_id) == locked
        assert registries.locked_aliases(by, version_id=second.version_id) == {}
    for change in (
        lambda: collections.link(place, second.version_id, ["production"], at=6.0, by="eve"),
        lambda: collections.link(place, second.version_id, ["production"], at=6.0, by="ann (task)"),
        lambda: collections.drop_aliases(first.version_id, [(place, "production")], at=6.0, by="eve"),
        lambda: collections.unlink(place, first.version_id, at=6.0, by="eve"),
        lambda: versions.delete_version(first.version_id, with_aliases=True, at=6.0, by="eve"),
        lambda: collections.delete_collection(place, at=6.0, by="eve"),
        lambda: collections.delete_collection(first.collection_id, at=6.0, by="eve"),
        lambda: registries.set_protected(PROJECT, "production", is_protected=False, by="eve", at=6.0),
    ):
        with pytest.raises(PermissionDeniedError, match="production"):
            change()
    versions.update_version(first.version_id, changes={"ttl_seconds": 1}, at=7.0)
    assert versions.expired(100.0, limit=10) == []
    collections.link(place, second.version_id, [], at=8.0, by="eve")
    sql = "INSERT INTO tracked_entity (entity_id, name, kind, created_at) VALUES (5, 'bob', 'user', 1.0)"
    database.write_sync(lambda tx: tx.execute(sql))
    registries.set_member(PROJECT, 5, "admin")
    assert registries.locked_aliases("bob", project_id=PROJECT) == registries.locked_aliases("bob", version_id=first.version_id) == {}
    collections.set_aliases(second.version_id, [(place, "production")], at=9.0, by="bob")
    registries.note_approval(place, second.version_id, "approved", "fine", at=9.5, by="bob")
    registries.set_protected(PROJECT, "production", is_protected=False, by="ann", at=10.0)
    collections.set_aliases(first.version_id, [(place, "production")], at=11.0, by="eve")
    told = [(line.user_name, line.kind, line.subject) for line in asyncio.run(SqlTrackingPages(database).changes(place, second.version_id))]
    assert ("bob", "approval", "approved") in told
