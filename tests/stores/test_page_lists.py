"""Lists of flows, pipelines and projects: what they count, and that a first page comes from an index however many rows there are."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import PipelineId
from penstock.interfaces import listing
from penstock.interfaces.page_flows import FlowQuery
from penstock.interfaces.pages import Condition, ListQuery
from penstock.interfaces.run_tables import Span
from penstock.stores.sql import catalog_filters, catalog_groups, page_filters, pages_artifacts, pages_catalog, pages_flows, pages_run_tables
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.pages_artifacts import SqlArtifactPages
from penstock.stores.sql.pages_catalog import SqlCatalogPages
from penstock.stores.sql.pages_flows import SqlFlowPages
from penstock.stores.sql.pages_run_tables import SqlRunTables
from penstock.stores.sql.pages_tracking import SqlTrackingPages
from penstock.stores.sql.pipelines import SqlPipelineStore
from penstock.stores.sql.runs import SqlRunStore
from tests.support.databases import seeded_database

FLOW_RUNS = 12


def flow_runs(tx: Transaction) -> None:
    """Runs 1 to 12 of two flows by turns, the odd ones of ann, the even ones of bob; 3 and 6 failed, 12 runs; every fourth is nightly."""
    for number in range(1, FLOW_RUNS + 1):
        flow, user = ("Train", "Score")[number % 2], ("bob", "ann")[number % 2]
        state = "FAILED" if number in {3, 6} else "RUNNING" if number == FLOW_RUNS else "SUCCEEDED"
        tags = '["nightly"]' if number % 4 == 0 else "[]"
        tx.execute(
            "INSERT INTO flow_run (run_number, flow_id, user_name, ts_epoch, tags) VALUES (?, ?, ?, ?, ?)",
            (number, flow, user, number * 1000, tags),
        )
        tx.execute(
            "INSERT INTO run (run_id, kind, name, pipeline_name, state, created_at, scheduled_at) VALUES (?, 'flow', ?, ?, ?, ?, ?)",
            (f"{flow}/{number}", f"{flow}/{number}", flow, state, number, number),
        )


def catalog(tx: Transaction) -> None:
    """Pipelines `a` with two versions and a schedule, `b` with one version; a project with runs of three states, an empty one."""
    tx.execute("INSERT INTO spec (digest, kind, name, content, created_at) VALUES ('sha256:0', 'kfp', 'p', '{}', 1)")
    for at, name in enumerate("ab"):
        tx.execute("INSERT INTO pipeline (pipeline_id, name, display_name, created_at) VALUES (?, ?, ?, ?)", (name, name, name, at))
    for pipeline, version in (("a", "1"), ("a", "2"), ("b", "1")):
        tx.execute(
            "INSERT INTO pipeline_version (pipeline_version_id, pipeline_id, name, display_name, spec_digest, created_at)"
            " VALUES (?, ?, ?, ?, 'sha256:0', ?)",
            (pipeline + version, pipeline, version, version, float(version)),
        )
    tx.execute(
        "INSERT INTO recurring_run (recurring_run_id, display_name, experiment_id, pipeline_id, max_concurrency, trigger_spec, is_enabled,"
        " created_at, updated_at) VALUES ('r', 'r', 'e', 'a', 1, '{}', 1, 1, 1)"
    )
    for project, name in ((1, "digits"), (2, "empty")):
        tx.execute(
            "INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (?, 'ann', ?, ?, 0)",
            (project, name, project),
        )
    for number, state in enumerate(("finished", "running", "failed", "crashed"), 1):
        tx.execute(
            "INSERT INTO tracked_run (run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at)"
            " VALUES (?, 1, ?, ?, ?, ?, ?, ?)",
            (number, f"r{number}", f"r{number}", state, number, 10 * number, number),
        )


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Each kind of database, filled."""
    with seeded_database(request.param, tmp_path, flow_runs, catalog) as found:
        yield found


async def test_a_list_of_flows_counts_what_matches_and_names_its_flows_and_users(database: Database) -> None:
    found = await SqlFlowPages(database).runs(FlowQuery(limit=5, offset=5))
    assert [run.run_id for run in found.items] == ["7", "6", "5", "4", "3"]
    assert (found.total, found.is_total_exact, found.has_more) == (FLOW_RUNS, True, True)
    assert (found.flow_ids, found.users) == (["Score", "Train"], ["ann", "bob"])


async def test_groups_of_flows_count_every_run_that_matches_and_say_when_there_are_more(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = SqlFlowPages(database)
    found = await pages.groups(FlowQuery(limit=1), "flow")
    assert found.is_complete
    assert {group.value: (group.count, sum(group.states.values())) for group in found.groups} == {"Train": (6, 6), "Score": (6, 6)}
    assert {group.value: group.count for group in (await pages.groups(FlowQuery(), "user")).groups} == {"ann": 6, "bob": 6}
    failed = await pages.groups(FlowQuery(status="failed"), "status")
    assert {group.value: group.count for group in failed.groups} == {"FAILED": 2}
    monkeypatch.setattr(pages_flows, "LOOKED_AT", 8)
    monkeypatch.setattr(pages_run_tables, "LOOKED_AT", 8)
    some = await pages.groups(FlowQuery(), "flow")
    assert sum(group.count for group in some.groups) == 8
    assert not some.is_complete


async def test_a_list_of_flows_says_when_it_stopped_counting(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_flows, "COUNT_LIMIT", 10)
    found = await SqlFlowPages(database).runs(FlowQuery(limit=20))
    assert (found.total, found.is_total_exact, found.has_more) == (10, False, False)
    failed = await SqlFlowPages(database).runs(FlowQuery(status="failed"))
    assert (len(failed.items), failed.total, failed.is_total_exact) == (2, 1, False)


async def test_flows_sort_by_every_column_both_ways_and_say_how_many_were_looked_at(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = SqlFlowPages(database)

    async def found(sort: str, *, limit: int = 50, offset: int = 0) -> list[str]:
        query = FlowQuery(sort=sort.removeprefix("-"), is_descending=sort.startswith("-"), limit=limit, offset=offset)
        assert (await pages.runs(query)).items == await pages.rows(query)
        return [run.run_id for run in await pages.rows(query)]

    assert await found("started", limit=2) == ["1", "2"]
    assert await found("-started", limit=2) == ["12", "11"]
    assert await found("-run", limit=2) == ["12", "10"]
    assert await found("run", limit=2, offset=1) == ["3", "5"]
    assert await found("-user", limit=2) == ["12", "10"]
    assert await found("status", limit=3) == ["3", "6", "12"]
    for sort in ("duration", "tasks", "tags"):
        assert await found(sort) == (await found(f"-{sort}"))[::-1]
    assert (await pages.runs(FlowQuery(sort="user"))).looked_at == 0
    monkeypatch.setattr(pages_flows, "LOOKED_AT", 3)
    some = await pages.runs(FlowQuery(sort="user", is_descending=False))
    assert ([run.run_id for run in some.items], some.looked_at) == (["11", "10", "12"], 3)


@pytest.mark.parametrize("few", [500, 1], ids=["few of a state", "many of a state"])
async def test_flows_are_found_by_state_user_tag_and_name(database: Database, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(pages_flows, "_FEW", few)
    pages = SqlFlowPages(database)

    async def found(query: FlowQuery) -> list[str]:
        return [run.run_id for run in await pages.rows(query)]

    assert await found(FlowQuery(status="failed")) == ["6", "3"]
    assert await found(FlowQuery(status="running")) == ["12"]
    assert await found(FlowQuery(status="failed", user="ann")) == ["3"]
    assert await found(FlowQuery(user="ann", namespace="bob")) == []
    assert await found(FlowQuery(tags=("nightly",))) == ["12", "8", "4"]
    assert await found(FlowQuery(text="score/1")) == ["11", "1"]
    assert await found(FlowQuery(text="n/4", status="completed")) == ["4"]
    assert await found(FlowQuery(text="unheard")) == []
    assert await found(FlowQuery(flow_id="Train", since=9.5)) == ["12", "10"]
    assert await found(FlowQuery(flow_id="Train", since=9.5, until=12)) == ["10"]


@pytest.mark.parametrize("few", [500, 1], ids=["few hold a word", "many hold a word"])
async def test_artifacts_are_found_by_words_in_name_address_and_type(database: Database, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(pages_artifacts, "_FEW", few)

    def store(tx: Transaction) -> None:
        for number, (name, type_name) in enumerate(
            (("weights", "system.Model"), ("digits", "system.Dataset"), ("weights", "system.Metrics")), 11
        ):
            tx.execute(
                "INSERT INTO artifact (artifact_id, name, type, uri, created_at) VALUES (?, ?, ?, ?, ?)",
                (number, name, type_name, f"penstock://b/{name}/{number}", number),
            )

    await database.write(store)

    async def found(*words: str) -> list[int]:
        return [item.artifact_id for item in (await SqlArtifactPages(database).list_artifacts(ListQuery(words=words))).items]

    assert await found("WEIGHTS") == [13, 11]
    assert await found("weights", "model") == [11]
    assert await found("penstock://b") == [13, 12, 11]
    assert await found("12") == [12]
    assert await found("weights", "unheard") == []


async def test_pipelines_are_listed_with_their_versions_and_schedules(database: Database) -> None:
    page = await SqlCatalogPages(database).list_pipelines(ListQuery(sort="name", is_descending=False))
    assert [(item.name, item.version_count, item.schedule_count) for item in page.items] == [("a", 2, 1), ("b", 1, 0)]
    assert [item.latest.name for item in page.items if item.latest] == ["2", "1"]


async def test_tags_that_a_client_gives_a_pipeline_are_found_and_hide_the_demonstration(database: Database) -> None:
    store, pages = SqlPipelineStore(database), SqlCatalogPages(database)
    pipeline = await store.get(PipelineId("a"))
    assert pipeline is not None

    async def names(query: ListQuery) -> list[str]:
        return [item.name for item in (await pages.list_pipelines(replace(query, sort="name", is_descending=False))).items]

    await store.update(replace(pipeline, tags={"demo": "penstock", "team": "전력"}))
    try:
        assert await names(ListQuery(conditions=(Condition("tag", "=", "team=전력"),))) == ["a"]
        assert await names(ListQuery(scope={"demos": "hide"})) == ["b"]
    finally:
        await store.update(pipeline)


async def test_projects_count_their_runs_by_state(database: Database) -> None:
    projects = await SqlTrackingPages(database).projects()
    assert [(item.name, item.run_count, item.live_count, item.failed_count, item.active_at) for item in projects] == [
        ("digits", 4, 1, 2, 40),
        ("empty", 0, 0, 0, 2),
    ]


async def steps_of(database: Database, monkeypatch: pytest.MonkeyPatch, ask: Callable[[], Awaitable[object]]) -> list[str]:
    """How SQLite carries out the first sorted statement of a question."""
    asked: list[tuple[str, Any]] = []
    transaction: Any = database.read_sync(type)
    real = transaction.all

    def noted(self: Transaction, sql: str, params: Any = ()) -> Any:
        if "ORDER BY" in sql:
            asked.append((sql, params))
        return real(self, sql, params)

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "all", noted)
        await ask()
    sql, params = asked[0]
    return [row["detail"] for row in database.read_sync(partial(real, sql=f"EXPLAIN QUERY PLAN {sql}", params=params))]


async def test_first_pages_come_from_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with seeded_database("sqlite", tmp_path, flow_runs, catalog) as database:
        flows, catalog_pages, artifacts = SqlFlowPages(database), SqlCatalogPages(database), SqlArtifactPages(database)
        by_name = ListQuery(sort="name", is_descending=False)
        lists: list[Callable[[], Awaitable[object]]] = [
            *(partial(flows.rows, query) for query in (FlowQuery(), FlowQuery(flow_id="Train"), FlowQuery(user="ann"))),
            *(partial(catalog_pages.list_pipelines, query) for query in (ListQuery(), by_name)),
            partial(catalog_pages.list_recurring, ListQuery()),
            *(partial(artifacts.list_artifacts, query) for query in (ListQuery(), by_name)),
        ]
        for ask in lists:
            steps = await steps_of(database, monkeypatch, ask)
            assert not [step for step in steps if "ORDER BY" in step], f"sorts all rows: {ask}, {steps}"


async def test_few_flows_of_a_state_or_name_are_looked_up_by_their_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with seeded_database("sqlite", tmp_path, flow_runs) as database:
        for query in (FlowQuery(status="failed"), FlowQuery(text="train/4")):
            steps = await steps_of(database, monkeypatch, partial(SqlFlowPages(database).rows, query))
            assert not [step for step in steps if step.startswith("SCAN")], steps


async def test_runs_of_pipelines_are_listed_without_a_look_at_those_of_flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with seeded_database("sqlite", tmp_path, flow_runs) as database:
        ask = partial(SqlRunStore(database).list, listing.ListQuery(), namespace="", experiment_id=None)
        assert await steps_of(database, monkeypatch, ask) == ["SCAN run USING INDEX run_pipelines_created"]


async def test_pipelines_sort_by_what_is_worked_out_for_each_and_say_how_many_were_looked_at(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def more(tx: Transaction) -> None:
        for number in range(6):
            tx.execute(
                "INSERT INTO pipeline (pipeline_id, name, display_name, tags, created_at) VALUES (?, ?, ?, ?, ?)",
                (f"p{number}", f"p{number}", f"p{number}", json.dumps({"team": "ab"[number % 2]}), 10 + number),
            )
            state = "FAILED" if number % 3 == 0 else "SUCCEEDED"
            for again in range(2):
                tx.execute(
                    "INSERT INTO run (run_id, kind, name, pipeline_id, state, created_at, scheduled_at, started_at, finished_at)"
                    " VALUES (?, 'kfp', 'r', ?, ?, ?, 0, ?, ?)",
                    (f"r{number}-{again}", f"p{number}", state, 100 - number + again, 100, 100 + number * 10 + again * 2),
                )

    await database.write(more)
    pages = SqlCatalogPages(database)

    async def found(sort: str, *, limit: int = 3, conditions: Sequence[Condition] = ()) -> list[str]:
        """The whole list, page by page."""
        query = ListQuery(sort=sort.removeprefix("-"), is_descending=sort.startswith("-"), limit=limit, conditions=tuple(conditions))
        names: list[str] = []
        while True:
            page = await pages.list_pipelines(query)
            names += [item.pipeline_id for item in page.items]
            if page.next_cursor is None:
                return names
            query = replace(query, cursor=page.next_cursor)

    assert await found("last") == ["a", "b", "p5", "p4", "p3", "p2", "p1", "p0"]
    assert await found("-last") == ["p0", "p1", "p2", "p3", "p4", "p5", "b", "a"]
    assert (await found("-median"))[:4] == ["p5", "p4", "p2", "p1"]
    medians = {item.pipeline_id: item.median_seconds for item in (await pages.list_pipelines(ListQuery(limit=50))).items}
    assert (medians["p1"], medians["p4"], medians["p0"]) == (11.0, 41.0, None)
    assert (await found("-schedules"))[0] == "a"
    assert (await found("-version"))[:2] == ["a", "b"]
    assert await found("created", conditions=[Condition("last", ":", "failed")]) == ["p0", "p3"]
    assert await found("created", conditions=[Condition("schedules", ">", "0")]) == ["a"]
    assert await found("name", conditions=[Condition("version", "=", "2")]) == ["a"]
    assert (await pages.list_pipelines(ListQuery(sort="last"))).looked_at == 0
    monkeypatch.setattr(page_filters, "LOOKED_AT", 4)
    some = await pages.list_pipelines(ListQuery(sort="last", is_descending=False))
    assert ([item.pipeline_id for item in some.items], some.looked_at) == (["p5", "p4", "p3", "p2"], 4)


async def test_groups_of_the_catalog_count_their_newest_rows_with_the_last_run_of_each(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def more(tx: Transaction) -> None:
        tx.execute("UPDATE pipeline SET tags = '{\"team\":\"x\"}' WHERE pipeline_id = 'a'")
        for at, state in ((1, "SUCCEEDED"), (2, "FAILED")):
            tx.execute(
                "INSERT INTO run (run_id, kind, name, pipeline_id, recurring_run_id, state, created_at, scheduled_at, finished_at)"
                " VALUES (?, 'kfp', 'r', 'a', 'r', ?, ?, 0, ?)",
                (f"run{at}", state, at, at + 5),
            )

    await database.write(more)
    tables = SqlRunTables(database)

    async def groups(table: str, by: str, query: ListQuery | None = None) -> dict[str | None, tuple[int, dict[str, int]]]:
        found = await tables.catalog_groups(table, query or ListQuery(), by)
        return {group.value: (group.count, dict(group.states)) for group in found.groups}

    assert await groups("pipelines", "tag.team") == {"x": (1, {"FAILED": 1}), None: (1, {})}
    assert await groups("pipelines", "schedules") == {"1": (1, {"FAILED": 1}), "0": (1, {})}
    assert await groups("pipelines", "created") == {"1970-01-01": (2, {"FAILED": 1})}
    assert await groups("pipelines", "last", ListQuery(conditions=(Condition("last", ":", "failed"),))) == {"FAILED": (1, {"FAILED": 1})}
    assert await groups("recurring", "status") == {"enabled": (1, {"FAILED": 1})}
    assert await groups("recurring", "pipeline") == {"a": (1, {"FAILED": 1})}
    assert await groups("experiments", "activity") == {}
    (group,) = (await tables.catalog_groups("recurring", ListQuery(), "kind")).groups
    assert (group.value, group.duration, group.columns["concurrency"]) == ("schedule", Span(1, 5.0, 5.0, 5.0), Span(1, 1.0, 1.0, 1.0))
    monkeypatch.setattr(catalog_groups, "LOOKED_AT", 1)
    some = await tables.catalog_groups("pipelines", ListQuery(), "created")
    assert (sum(group.count for group in some.groups), some.is_complete) == (1, False)
    with pytest.raises(InvalidArgumentError):
        await tables.catalog_groups("experiments", ListQuery(), "tag.team")


async def test_experiments_sort_by_the_best_number_of_their_runs(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def more(tx: Transaction) -> None:
        for at, name in enumerate("xyz"):
            tx.execute("INSERT INTO experiment (experiment_id, name, created_at) VALUES (?, ?, ?)", (name, name, at))
        for run, experiment, number in (("1", "x", 0.5), ("2", "x", 0.9), ("3", "y", 0.7), ("4", "y", 0.1)):
            tx.execute(
                "INSERT INTO run (run_id, kind, name, experiment_id, state, created_at, scheduled_at) VALUES (?, 'kfp', ?, ?, 'SUCCEEDED', 1, 1)",
                (run, run, experiment),
            )
            tx.execute("INSERT INTO run_metric (run_id, task_id, name, number) VALUES (?, 't', 'score', ?)", (run, number))

    await database.write(more)
    pages = SqlCatalogPages(database)

    async def found(sort: str) -> list[str]:
        query = ListQuery(sort=sort.removeprefix("-"), is_descending=sort.startswith("-"), limit=1)
        first = await pages.list_experiments(query)
        second = await pages.list_experiments(replace(query, cursor=first.next_cursor))
        assert second.next_cursor is None
        return [item.name for item in (*first.items, *second.items)]

    assert await found("-best.score") == ["x", "y"]
    assert await found("best.score") == ["y", "x"]
    assert await found("least.score") == ["y", "x"]
    assert (await pages.list_experiments(ListQuery(sort="best.score"))).looked_at == 0
    monkeypatch.setattr(catalog_filters, "LOOKED_AT", 2)
    some = await pages.list_experiments(ListQuery(sort="best.score"))
    assert ([item.name for item in some.items], some.looked_at) == (["x", "y"], 2)


async def test_an_experiment_shows_as_runs_what_it_counts(database: Database) -> None:
    def more(tx: Transaction) -> None:
        for at, (name, storage) in enumerate((("now", "AVAILABLE"), ("old", "ARCHIVED"))):
            tx.execute("INSERT INTO experiment (experiment_id, name, storage_state, created_at) VALUES (?, ?, ?, ?)", (name, name, storage, at))
        stored = (("1", "now", "AVAILABLE"), ("2", "now", "ARCHIVED"), ("3", "now", "TRASHED"), ("4", "old", "ARCHIVED"), ("5", "old", "TRASHED"))
        for run, experiment, storage in stored:
            tx.execute(
                "INSERT INTO run (run_id, kind, name, experiment_id, state, storage_state, created_at, scheduled_at)"
                " VALUES (?, 'kfp', ?, ?, 'SUCCEEDED', ?, ?, ?)",
                (run, run, experiment, storage, int(run), int(run)),
            )

    await database.write(more)
    pages = SqlCatalogPages(database)
    for experiment, shown in (("now", ["1"]), ("old", ["4"])):
        item = await pages.experiment(experiment)
        assert item is not None
        assert ([dot.run_id for dot in item.last_runs], item.run_count) == (shown, len(shown))
    active = await pages.list_experiments(ListQuery(conditions=(Condition("runs", "=", "1"),)))
    assert [(item.name, item.run_count, len(item.last_runs)) for item in active.items] == [("now", 1, 1)]


async def test_versions_of_a_pipeline_are_listed_in_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_catalog, "LISTED_VERSIONS", 1)
    pages = SqlCatalogPages(database)

    async def listed(**asked: Any) -> list[str]:
        view = await pages.pipeline("a", **asked)
        assert view is not None
        assert view.pipeline.latest is not None
        assert (view.pipeline.latest.pipeline_version_id, view.pipeline.version_count) == ("a2", 2)
        return [version.pipeline_version_id for version in view.versions]

    assert await listed() == ["a2"]
    assert await listed(before=2.0) == ["a1"]
    assert await listed(version_id="a1") == ["a2", "a1"]
    assert await listed(version_id="b1") == ["a2"]
