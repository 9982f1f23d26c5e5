"""Filters, orders and pages of run lists, against a plain evaluation of MongoDB's rules in Python."""

from __future__ import annotations

import asyncio
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.tracking import RunChange, TrackedProject
from penstock.interfaces.run_tables import Span
from penstock.server.tracking import Tracking
from penstock.stores.sql.database import open_database
from penstock.stores.sql.pages_tracking import SqlTrackingPages
from penstock.tracking.filestream import Chunk, StreamMessage
from penstock.web.tracking.filters import run_filters
from tests.support import tracking
from tests.support.postgres import fresh_postgres_url
from tests.support.tracking import HandClock, tracking_room


@pytest.fixture(autouse=True, params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test on each kind of database."""
    if request.param == "postgresql":
        url = fresh_postgres_url()
        if url is None:
            pytest.skip("PostgreSQL is not installed")
        monkeypatch.setattr(tracking, "sqlite_url", lambda folder: url)


_MISSING = object()

LAYERS = [{"name": "a", "units": 64}, {"name": "b", "units": 32}]
RUNS: list[dict[str, Any]] = [
    {"name": "a", "group": "g1", "tags": ["x", "y"], "config": {"lr": 0.1, "opt": {"kind": "adam"}},
     "summary": {"loss": 0.5, "acc": 0.9, "big": 2**60}},
    {"name": "b", "group": "g1", "tags": ["y"], "config": {"lr": 1, "opt": "sgd"},
     "summary": {"loss": "bad", "acc": 0.9, "big": -(2**60) - 1}},
    {"name": "c", "group": "g2", "tags": [], "config": {"lr": "0.1"}, "summary": {"loss": None}},
    {"name": "d", "tags": ["x"], "config": {"flag": True, "list": [1, 2, "sgd"]}, "summary": {"loss": float("nan"), "acc": 2**60 + 1}},
    {"name": "e", "group": "g2", "tags": [], "config": {}, "summary": {"loss": -1, "nested": {"deep": 3}, "a.b": 4, "big": 2.0**60}},
    {"name": "f", "tags": ["z%_"], "config": {"lr": 0.1, "flag": False, "layers": LAYERS},
     "summary": {"loss": float("inf"), "acc": 0, "big": 2**53 + 1}},
]  # fmt: skip


async def seeded(room: Tracking, clock: HandClock) -> TrackedProject:
    """Store `RUNS`, a second apart."""
    for run in RUNS:
        clock.time += 1
        change = RunChange(
            group=run.get("group"),
            tags=run["tags"],
            display_name=f"Name {run['name'].upper()}",
            config=json.dumps({key: {"value": value} for key, value in run["config"].items()}),
            summary=json.dumps(run["summary"]),
        )
        await room.runs.upsert("ann", "p", run["name"], change, user_name="ann")
    project = await room.projects.get("ann", "p")
    assert project is not None
    return project


async def names(room: Tracking, project: TrackedProject, filters: Any, order: str = "+created_at") -> str:
    page = await room.runs.list(project, filters=json.dumps(filters), order=order, limit=100)
    found = "".join(entry.run.name for entry in page.entries)
    assert await room.runs.count(project, json.dumps(filters)) == len(found)
    return found


def lookup(run: dict[str, Any], key: str) -> Any:
    """Return the value of a filter key, or `_MISSING`."""
    if key in {"name", "group", "tags"}:
        return run.get(key, _MISSING)
    space, _, path = key.partition(".")
    value: Any = run["config" if space == "config" else "summary"]
    if path in value:
        return value[path]
    parts = path.split(".")
    if space == "config" and parts[1:2] == ["value"]:
        del parts[1]
    for part in parts:
        if not isinstance(value, dict) or part not in value:
            return _MISSING
        value = value[part]
    return value


def comparable(left: Any, right: Any) -> bool:
    kinds = [(bool,), (int, float), (str,)]
    kind = next((kind for kind in kinds if isinstance(left, kind)), None)
    return kind is not None and isinstance(right, kind) and (bool in kind or not isinstance(right, bool))


def holds(run: dict[str, Any], key: str, operator: str, operand: Any) -> bool:
    """Evaluate one comparison by MongoDB's rules."""
    value = lookup(run, key)
    if operator == "$exists":
        present = value is not _MISSING and not (key == "tags" and not value)
        return present is bool(operand)
    if operator in {"$ne", "$nin"}:
        return not holds(run, key, "$eq" if operator == "$ne" else "$in", operand)
    if operator == "$in":
        return any(holds(run, key, "$eq", part) for part in operand)
    if key == "config.list" and isinstance(value, list) and operand is not None:
        return any(compared(element, operator, operand) for element in value)
    if key == "tags" and operator == "$eq" and operand is not None:
        return operand in value
    if operator == "$eq":
        if operand is None:
            return value is _MISSING or value is None or (key == "tags" and not value)
        return comparable(value, operand) and bool(value == operand)
    return compared(value, operator, operand)


def compared(value: Any, operator: str, operand: Any) -> bool:
    """Compare two values."""
    if operator == "$eq":
        return comparable(value, operand) and bool(value == operand)
    if operator == "$regex":
        return isinstance(value, str) and re.search(operand, value) is not None
    if value is _MISSING or not comparable(value, operand) or operand is None:
        return False
    return bool({"$gt": value > operand, "$gte": value >= operand, "$lt": value < operand, "$lte": value <= operand}[operator])


def matches(run: dict[str, Any], document: dict[str, Any]) -> bool:
    """Evaluate a filter document."""
    for key, condition in document.items():
        if key == "$and":
            good = all(matches(run, part) for part in condition)
        elif key == "$or":
            good = any(matches(run, part) for part in condition)
        elif key == "$nor":
            good = not any(matches(run, part) for part in condition)
        elif isinstance(condition, dict):
            good = all(
                not matches(run, {key: operand}) if operator == "$not" else holds(run, key, operator, operand)
                for operator, operand in condition.items()
            )
        else:
            good = holds(run, key, "$eq", condition)
        if not good:
            return False
    return True


_keys = st.sampled_from(
    ["name", "group", "tags", "config.lr", "config.lr.value", "config.opt", "config.opt.kind", "config.opt.value.kind", "config.flag",
     "config.list", "config.none", "summary_metrics.loss", "summary_metrics.acc", "summary_metrics.nested.deep", "summary_metrics.a.b",
     "summary_metrics.big", "summary_metrics.big"]
)  # fmt: skip
_operands = st.sampled_from(
    [0.1, 1, 0, -1, 0.9, "0.1", "sgd", "adam", "a", "g1", "x", "bad", True, False, None, 3, 4, 2**60 + 1, 2**60, 2.0**60,
     -(2**60), 2**53, 2**53 + 1, 10**400]
)  # fmt: skip
_leaf = st.one_of(
    st.tuples(_keys, _operands).map(lambda pair: {pair[0]: pair[1]}),
    st.tuples(_keys, st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), _operands).map(
        lambda leaf: {leaf[0]: {leaf[1]: leaf[2]}}
    ),
    st.tuples(_keys, st.sampled_from(["$in", "$nin"]), st.lists(_operands, max_size=3)).map(lambda leaf: {leaf[0]: {leaf[1]: leaf[2]}}),
    st.tuples(_keys, st.booleans()).map(lambda leaf: {leaf[0]: {"$exists": leaf[1]}}),
    st.tuples(_keys.filter(lambda key: key != "tags"), st.sampled_from(["a", "^[ab]$", ".*d", "g[12]", "^s"])).map(
        lambda leaf: {leaf[0]: {"$regex": leaf[1]}}
    ),
    st.tuples(_keys, _operands).map(lambda pair: {pair[0]: {"$not": {"$eq": pair[1]}}}),
)
_filters = st.recursive(
    _leaf, lambda inner: st.tuples(st.sampled_from(["$and", "$or", "$nor"]), st.lists(inner, min_size=1, max_size=3)).map(lambda p: {p[0]: p[1]}),
    max_leaves=5,
)  # fmt: skip


def _is_ordered_tag_comparison(document: Any) -> bool:
    text = json.dumps(document)
    return '"tags": {"$g' in text or '"tags": {"$l' in text


async def test_filters_mean_what_mongodb_means(tmp_path: Path) -> None:
    clock = HandClock()
    async with tracking_room(tmp_path, clock) as room:
        project = await seeded(room, clock)
        loop = asyncio.get_running_loop()

        @settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
        @given(_filters.filter(lambda document: not _is_ordered_tag_comparison(document)))
        def check(document: dict[str, Any]) -> None:
            found = asyncio.run_coroutine_threadsafe(names(room, project, document), loop).result(30)
            assert found == "".join(run["name"] for run in RUNS if matches(run, document))

        await asyncio.to_thread(check)


async def test_other_spellings_and_fields(tmp_path: Path) -> None:
    clock = HandClock()
    async with tracking_room(tmp_path, clock) as room:
        project = await seeded(room, clock)
        run = await room.runs.get("ann", "p", "b")
        assert run is not None
        await room.filestream.post("ann", "p", "b", StreamMessage(history=Chunk(0, ['{"special": 1}']), is_complete=True, exit_code=0))
        await room.filestream.post("ann", "p", "d", StreamMessage(history=Chunk(0, ['{"still": {"running": 1}}'])))
        cases: list[tuple[Any, str]] = [
            ({"keys_info.keys.still.running": {"$exists": True}}, "d"),
            ({"displayName": "Name C"}, "c"),
            ({"display_name": {"$regex": ".*C"}}, "c"),
            ({"state": "finished"}, "b"),
            ({"state": {"$ne": "finished"}}, "acdef"),
            ({"state": {"$gt": "finished"}}, "acdef"),
            ({"state": {"$gte": "finished", "$lt": "g"}}, "b"),
            ({"state": {"$lte": "running", "$gt": 3}}, ""),
            ({"username": "ann"}, "abcdef"),
            ({"createdAt": {"$gte": "2027-01-15T08:00:03"}}, "cdef"),
            ({"created_at": {"$lt": "2027-01-15T08:00:03Z"}}, "ab"),
            ({"tags.x": True}, "ad"),
            ({"tags": {"$regex": "^z"}}, "f"),
            ({"keys_info.keys.special": {"$exists": True}}, "b"),
            ({"summary_metrics.loss": {"$exists": False}}, ""),
            ({"unknown_field": 1}, ""),
            ({"$and": []}, "abcdef"),
            ({"$or": []}, ""),
            ({"display_name": {"$regex": "name a", "$options": "i"}}, "a"),
            ({"display_name": {"$regex": "^(Name|[[:space:]])+[[:upper:]]?a$", "$options": "is"}}, "a"),
            ({"config.list": [1, 2, "sgd"]}, "d"),
            ({"config.list": [1, 2]}, ""),
            ({"config.list": {"$size": 3}}, "d"),
            ({"config.list": {"$all": ["sgd", 1]}}, "d"),
            ({"config.list": {"$all": [1, 5]}}, ""),
            ({"config.list": {"$elemMatch": {"$gt": 1, "$lt": 3}}}, "d"),
            ({"config.list": {"$elemMatch": {"$gt": 2}}}, ""),
            ({"config.list.1": 2}, "d"),
            ({"config.list.7": {"$exists": True}}, ""),
            ({"config.list": {"$type": "array"}}, "d"),
            ({"config.lr": {"$type": "string"}}, "c"),
            ({"config.lr": {"$not": {"$type": ["number", 2]}}}, "de"),
            ({"config.layers.units": 64}, "f"),
            ({"config.layers.units": {"$gt": 64}}, ""),
            ({"config.layers": {"$elemMatch": {"units": 32, "name": "b"}}}, "f"),
            ({"config.layers": {"$elemMatch": {"units": 64, "name": "b"}}}, ""),
            ({"config.layers.units": {"$exists": True}}, "f"),
            ({"config.layers.units": {"$exists": False}}, "abcde"),
            ({"summary_metrics.nested.deep": {"$mod": [2, 1]}}, "e"),
            ({"tags": {"$size": 2}}, "a"),
            ({"tags": {"$all": ["x", "y"]}}, "a"),
            ({"tags": {"$elemMatch": {"$regex": "%"}}}, "f"),
        ]
        for document, expected in cases:
            assert await names(room, project, document) == expected, document
        for text in (None, "", "{}", "null"):
            assert len((await room.runs.list(project, filters=text)).entries) == len(RUNS)


@pytest.mark.parametrize(
    "text", ['{"a": {"$where": "1"}}', '{"$jsonSchema": {}}', "[1]", "{", '{"name": {"$in": "a"}}', '{"name": {"$regex": "("}}',
             '{"name": {"$regex": "((a?){99}){99}"}}', '{"name": {"$regex": "a", "$options": "g"}}', '{"name": {"$regex": "(?=a)"}}',
             '{"name": {"$size": "2"}}', '{"name": {"$mod": [0, 1]}}', '{"name": {"$type": "widget"}}', '{"name": {"$all": 1}}']
)  # fmt: skip
async def test_malformed_filters_are_refused(tmp_path: Path, text: str) -> None:
    clock = HandClock()
    async with tracking_room(tmp_path, clock) as room:
        project = await seeded(room, clock)
        with pytest.raises(InvalidArgumentError):
            await room.runs.list(project, filters=text)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("", "fedcba"), ("+created_at", "abcdef"), ("-created_at", "fedcba"), ("+name", "abcdef"), ("-display_name", "fedcba"),
        ("+summary_metrics.acc", "fabdce"), ("-summary_metrics.acc", "dbafec"), ("+config.lr.value", "afbcde"), ("-config.lr", "bfaced"),
        ("+group,-created_at", "baecfd"), ("-nothing", None), ("+duration", None),
    ],
)  # fmt: skip
async def test_orders_put_missing_last_and_pages_never_overlap(tmp_path: Path, order: str, expected: str | None) -> None:
    clock = HandClock()
    async with tracking_room(tmp_path, clock) as room:
        project = await seeded(room, clock)
        found, after = "", None
        while True:
            page = await room.runs.list(project, order=order, after=after, limit=2)
            found += "".join(entry.run.name for entry in page.entries)
            if not page.has_next:
                break
            after = page.entries[-1].cursor
        assert sorted(found) == list("abcdef")
        if expected is not None:
            assert found == expected


async def test_a_run_created_while_paging_does_not_shift_pages(tmp_path: Path) -> None:
    clock = HandClock()
    async with tracking_room(tmp_path, clock) as room:
        project = await seeded(room, clock)
        first = await room.runs.list(project, order="-created_at", limit=3)
        clock.time += 1
        await room.runs.upsert("ann", "p", "new", RunChange())
        second = await room.runs.list(project, order="-created_at", after=first.entries[-1].cursor, limit=3)
        assert [entry.run.name for entry in (*first.entries, *second.entries)] == list("fedcba")


async def test_runs_are_grouped_by_a_column_or_a_key_of_config_with_counts_states_and_numbers(tmp_path: Path) -> None:
    clock = HandClock()
    async with tracking_room(tmp_path, clock) as room:
        project = await seeded(room, clock)
        found = await room.runs.groups(project, None, "group")
        assert found.is_complete
        assert [(group.value, group.count) for group in found.groups] == [(None, 2), ("g2", 2), ("g1", 2)]
        assert sum(sum(group.states.values()) for group in found.groups) == len(RUNS)
        some = await room.runs.groups(project, json.dumps({"config.lr": 0.1}), "group")
        assert {group.value: group.count for group in some.groups} == {"g1": 1, None: 1}
        assert [group.count for group in (await room.runs.groups(project, None, "state")).groups] == [len(RUNS)]
        rates = await room.runs.groups(project, None, "config.lr", ["s.loss", "s.absent"])
        assert {group.value: group.count for group in rates.groups} == {"0.1": 3, "1": 1, None: 2}
        losses = {group.value: group.columns.get("s.loss") for group in rates.groups}
        assert losses == {"0.1": Span(2, 0.5, math.inf, math.inf), "1": None, None: Span(1, -1, -1, -1)}
        flags = await room.runs.groups(project, None, "config.flag")
        assert {group.value: group.count for group in flags.groups} == {"true": 1, "false": 1, None: 4}
        assert [group.value for group in (await room.runs.groups(project, None, "config.no-such-key")).groups] == [None]
        for by in ("job_type", "sweep", "user_name"):
            assert sum(group.count for group in (await room.runs.groups(project, None, by)).groups) == len(RUNS)


async def test_filter_bars_are_offered_values_of_runs_that_are_found_by_them(tmp_path: Path) -> None:
    clock, database = HandClock(), open_database(tracking.sqlite_url(tmp_path), synchronous="OFF")
    async with tracking_room(tmp_path, clock, database) as room:
        project = await seeded(room, clock)
        await room.runs.upsert("ann", "other", "z", RunChange(group="g3", config='{"lr": {"value": 7}}'))
        pages = SqlTrackingPages(database)

        async def offered(field: str, text: str = "", limit: int = 9) -> list[str]:
            return list(await pages.run_values(project.project_id, field, text, limit=limit))

        assert await offered("group") == ["g1", "g2"]
        assert await offered("group", "G2") == ["g2"]
        assert await offered("name", "name", limit=2) == ["Name A", "Name B"]
        assert await offered("user") == ["ann"]
        assert await offered("tag") == ["x", "y", "z%_"]
        assert await offered("tag", "%") == ["z%_"]
        assert sorted(await offered("config.lr")) == ["0.1", "1"]
        assert await offered("config.lr", "0") == ["0.1"]
        assert await offered("c.opt") == ["sgd"]
        assert sorted(await offered("config.flag")) == ["false", "true"]
        assert await offered("config.list") == await offered("config.none") == await offered("summary.") == await offered("none") == []
        assert set(await offered("summary.loss")) == {"0.5", "bad", "NaN", "-1", "inf"}
        assert await offered("acc") == await offered("summary.acc")
        for field in ("config.lr", "config.flag", "summary.acc", "acc", "big"):
            for value in await offered(field):
                filters = run_filters(f"{field}:{value}", now=clock.time)
                assert filters is not None
                assert (await room.runs.list(project, filters=filters, order="+created_at", limit=9)).entries, (field, value)
    database.close()
