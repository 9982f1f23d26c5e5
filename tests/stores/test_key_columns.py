"""Keys of JSON columns as columns of lists: how they sort and filter, on both kinds of database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.page_flows import FlowQuery
from penstock.interfaces.pages import Condition, ListQuery, Page
from penstock.stores.sql import page_filters, pages_flows, pages_run_tables
from penstock.stores.sql.database import Database, Transaction
from penstock.stores.sql.page_filters import encode_cursor
from penstock.stores.sql.pages_artifacts import SqlArtifactPages
from penstock.stores.sql.pages_flows import SqlFlowPages
from penstock.stores.sql.pages_run_tables import SqlRunTables
from penstock.stores.sql.pages_runs import SqlRunPages
from tests.support.databases import seeded_database

VALUES: tuple[Mapping[str, Any], ...] = (
    {"lr": 0.5, "opt": {"name": "adam"}, "größe": 1},
    {"lr": 0.01, "opt.name": "sgd", "größe": 3},
    {"lr": "auto", "opt": {"name": "adam"}},
    {},
    {"lr": 12, "opt": {"name": "lion"}, "gone": None, "more": [1, 2], "on": True},
    {"lr": 12.5, "opt": {"name": "a\u0000b"}, "größe": 2, 'a"b': 7},
)
"""Rows 0 to 5, the oldest first; one with a text that PostgreSQL cannot hold."""
RISING = ["3", "2", "1", "0", "4", "5"]
"""By `lr`: none, text, numbers."""


def _without(name: str, dialect: str, order: list[str]) -> list[str]:
    """PostgreSQL cannot read what is in row 5, which then counts as without values."""
    return order if dialect == "sqlite" else ([row for row in order if row != "5"] if name == "filter" else ["3", "5", *order[1:-1]])


def rows(tx: Transaction) -> None:
    """Runs, each with a task, an artifact and the run of a flow that have the same values."""
    for number, values in enumerate(VALUES):
        text = json.dumps(values)
        tx.execute(
            "INSERT INTO run (run_id, kind, name, pipeline_name, state, created_at, scheduled_at) VALUES (?, 'kfp', ?, 'p', 'SUCCEEDED', ?, ?)",
            (f"r{number}", f"run {number}", number, number),
        )
        tx.execute(
            "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, state, created_at, inputs, outputs)"
            " VALUES (?, ?, ?, 'root.t', 't', 't', 'RUNTIME', 'SUCCEEDED', ?, ?, ?)",
            (f"t{number}", f"r{number}", number, number, f'{{"parameters":{text}}}', f'{{"parameters":{text}}}'),
        )
        tx.execute(
            "INSERT INTO artifact (artifact_id, run_id, task_id, name, type, uri, metadata, created_at) VALUES (?, ?, ?, 'a', 'T', 'u', ?, ?)",
            (number, f"r{number}", f"t{number}", text, number),
        )
        tx.execute(
            "INSERT INTO run (run_id, kind, name, pipeline_name, state, created_at, scheduled_at) VALUES (?, 'flow', ?, 'F', 'SUCCEEDED', ?, ?)",
            (f"F/{number}", f"F/{number}", number, number),
        )
        tx.execute(
            "INSERT INTO flow_run (run_number, flow_id, user_name, ts_epoch, tags, parameters) VALUES (?, 'F', 'ann', ?, '[]', ?)",
            (number, number * 1000, json.dumps(values, ensure_ascii=False) if values else None),
        )
    for number, name, value, words in ((0, "acc", 0.5, None), (1, "acc", 0.9, None), (4, "acc", 0.7, None), (2, "grade", None, "b"), (5, "grade", None, "a")):
        tx.execute("INSERT INTO run_metric (run_id, task_id, name, number, text) VALUES (?, ?, ?, ?, ?)", (f"r{number}", f"t{number}", name, value, words))
    tx.execute("INSERT INTO run_metric (run_id, task_id, name, number) VALUES ('r3', 'other', 'acc', 0.8)")


@pytest.fixture(params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Each kind of database, filled."""
    with seeded_database(request.param, tmp_path, rows) as found:
        yield found


class Lists:
    """The three lists over one database, each by the numbers of its rows."""

    def __init__(self, database: Database) -> None:
        self.dialect = database.read_sync(lambda tx: tx.dialect.name)
        self._tasks, self._artifacts, self._flows = SqlRunPages(database), SqlArtifactPages(database), SqlFlowPages(database)

    async def found(self, of: str, *conditions: Condition, sort: str = "created", limit: int = 50) -> list[str]:
        """The rows of all pages of a list, in order; `of` is what stands in front of its keys."""
        query = ListQuery(conditions=conditions, sort=sort.removeprefix("-"), is_descending=sort.startswith("-"), limit=limit)
        if of == "param":
            order = "started" if sort == "created" else sort.removeprefix("-")
            plain = [Condition(one.field.removeprefix("param."), one.operator, one.value) for one in conditions]
            flows = FlowQuery(parameters=plain, sort=order, is_descending=query.is_descending)
            listing = await self._flows.runs(flows)
            assert listing.items == await self._flows.rows(flows)
            assert (listing.total, listing.looked_at) == (len(listing.items), 0)
            return [run.run_id for run in listing.items]
        ids: list[str] = []
        while True:
            page: Page[Any] = await (self._artifacts.list_artifacts(query) if of == "meta" else self._tasks.list_tasks(query))
            ids += [str(item.artifact_id) if of == "meta" else item.task_id.removeprefix("t") for item in page.items]
            if page.next_cursor is None:
                return ids
            query = ListQuery(conditions=conditions, sort=query.sort, is_descending=query.is_descending, limit=limit, cursor=page.next_cursor)


@pytest.mark.parametrize("of", ["in", "out", "meta", "param"])
async def test_a_list_sorts_by_a_key_both_ways_page_by_page(filled: Database, of: str) -> None:
    lists = Lists(filled)
    rising = _without("sort", lists.dialect, RISING)
    for limit in (2, 50):
        assert await lists.found(of, sort=f"{of}.lr", limit=limit) == rising
        assert await lists.found(of, sort=f"-{of}.lr", limit=limit) == rising[::-1]
    named = await lists.found(of, sort=f"-{of}.opt.name")
    assert named[:2] == ["1", "4"]
    assert len(await lists.found(of, sort=f"{of}.nobody.has.this")) == len(VALUES)


@pytest.mark.parametrize("of", ["in", "out", "meta", "param"])
async def test_a_list_is_narrowed_by_a_key_as_number_or_text(filled: Database, of: str) -> None:
    lists = Lists(filled)

    async def found(name: str, operator: str, value: str) -> list[str]:
        return sorted(await lists.found(of, Condition(f"{of}.{name}", operator, value)))

    def but(*rows: str) -> list[str]:
        return _without("filter", lists.dialect, list(rows))

    assert await found("lr", ">", "0.1") == but("0", "4", "5")
    assert await found("lr", "<=", "12") == ["0", "1", "4"]
    assert await found("lr", "=", "0.5") == ["0"]
    assert await found("lr", "!=", "0.5") == but("1", "4", "5")
    assert await found("lr", ":", "AUT") == ["2"]
    assert await found("opt.name", "=", "adam") == ["0", "2"]
    assert await found("opt.name", ":", "a") == but("0", "2", "5")
    assert await found("opt.name", "=", "sgd") == ["1"]
    assert await found("größe", ">=", "2") == but("1", "5")
    assert await found('a"b', "=", "7") == but("5")
    assert await found("on", "=", "true") == ["4"]
    assert await found("more", ":", "1") == ["4"]
    assert await found("gone", ":", "null") == await found("nobody", ">", "0") == []


async def test_executions_sort_and_narrow_by_their_own_metrics(filled: Database) -> None:
    lists = Lists(filled)
    for limit in (1, 50):
        assert await lists.found("in", sort="metric.acc", limit=limit) == ["0", "4", "1"]
        assert await lists.found("in", sort="-metric.acc", limit=limit) == ["1", "4", "0"]
    assert await lists.found("in", sort="-metric.grade") == ["2", "5"]
    assert await lists.found("in", Condition("status", ":", "succeeded"), sort="-metric.acc") == ["1", "4", "0"]
    assert await lists.found("in", Condition("metric.acc", ">", "0.6"), sort="metric.acc") == ["4", "1"]
    assert await lists.found("in", Condition("metric.grade", "=", "b")) == ["2"]
    assert await lists.found("in", Condition("in.lr", ">", "1"), sort="metric.acc") == ["4"]
    assert sorted(await lists.found("in", Condition("acc", ">", "0.6"))) == ["1", "3", "4"]


async def test_of_executions_with_a_common_metric_the_newest_are_judged(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_filters, "_RARE", 1)
    high = Condition("metric.acc", ">", "0.6")
    assert await Lists(filled).found("in", high, sort="metric.acc") == ["4", "1"]
    monkeypatch.setattr(page_filters, "LOOKED_AT", 3)
    page = await SqlRunPages(filled).list_tasks(ListQuery(conditions=(high,)))
    assert ([task.task_id for task in page.items], page.looked_at) == (["t4"], 3)


async def test_a_page_says_when_only_the_newest_rows_were_judged_or_sorted(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (page_filters, pages_flows, pages_run_tables):
        monkeypatch.setattr(module, "LOOKED_AT", 3)
    tasks, artifacts, tables = SqlRunPages(filled), SqlArtifactPages(filled), SqlRunTables(filled)
    lr = Condition("in.lr", "<", "13")
    page = await tasks.list_tasks(ListQuery(conditions=(lr,)))
    assert {task.task_id for task in page.items} <= {"t4", "t5"}
    assert (page.looked_at, page.total) == (3, len(page.items))
    assert (await tasks.list_tasks(ListQuery(sort="in.lr"))).looked_at == 3
    rows = Condition("meta.lr", "<", "13")
    found = await artifacts.list_artifacts(ListQuery(conditions=(rows,)))
    assert (found.looked_at, {item.artifact_id for item in found.items} <= {4, 5}) == (3, True)
    flows = await SqlFlowPages(filled).runs(FlowQuery(parameters=[Condition("lr", "<", "13")]))
    assert (flows.looked_at, flows.total, len(flows.items)) == (3, len(flows.items), len(flows.items))
    assert {run.run_id for run in flows.items} <= {"4", "5"}
    for groups in (
        await tables.task_groups(ListQuery(conditions=(lr,)), "pipeline"),
        await tables.artifact_groups(ListQuery(conditions=(rows,)), "pipeline"),
        await SqlFlowPages(filled).groups(FlowQuery(parameters=[Condition("lr", "<", "13")]), "user"),
    ):
        assert (sum(group.count for group in groups.groups) <= 2, groups.is_complete) == (True, False)
    assert set(await tables.task_runs(ListQuery(conditions=(lr,)), limit=10)) <= {"r4", "r5"}


async def test_groups_and_all_that_match_follow_a_filter_by_key(filled: Database) -> None:
    tables = SqlRunTables(filled)
    query = ListQuery(conditions=(Condition("in.opt.name", "=", "adam"),))
    groups = await tables.task_groups(query, "pipeline")
    assert ([(group.value, group.count) for group in groups.groups], groups.is_complete) == ([("p", 2)], True)
    assert sorted(await tables.task_runs(query, limit=10)) == ["r0", "r2"]
    stored = await tables.artifact_groups(ListQuery(conditions=(Condition("opt.name", "=", "adam"),)), "type")
    assert [(group.value, group.count) for group in stored.groups] == [("T", 2)]


async def test_a_position_of_another_order_is_refused(filled: Database) -> None:
    with pytest.raises(InvalidArgumentError, match="not valid any more"):
        await SqlRunPages(filled).list_tasks(ListQuery(sort="in.lr", cursor=encode_cursor(5, "t5")))
    with pytest.raises(InvalidArgumentError, match="not valid any more"):
        await SqlRunPages(filled).list_tasks(ListQuery(sort="created", cursor=encode_cursor([1, "a"], "t5")))
    with pytest.raises(InvalidArgumentError, match="not valid any more"):
        await SqlRunPages(filled).list_tasks(ListQuery(sort="in.lr", cursor=encode_cursor([[], None], "t5")))
