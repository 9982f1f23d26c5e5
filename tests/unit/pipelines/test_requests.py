"""Filters, sort orders, page tokens, macros, names: what clients write, read strictly."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import RunId
from penstock.interfaces.listing import ListQuery, Op, Page, Predicate, Sort
from penstock.pipelines.filters import EXPERIMENT_FIELDS, PIPELINE_FIELDS, RUN_FIELDS, parse_filter, parse_sort, parse_time
from penstock.pipelines.macros import MacroValues, expand_parameters, format_go
from penstock.pipelines.names import check_name, check_tags, scheduled_workflow_name
from penstock.pipelines.paging import ListRequest, open_list


def one(**predicate: Any) -> str:
    return json.dumps({"predicates": [predicate]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (one(operation=1, key="name", stringValue="x"), Predicate("name", Op.EQUALS, ("x",))),
        (one(operation="EQUALS", key="display_name", string_value="x"), Predicate("display_name", Op.EQUALS, ("x",))),
        (one(operation="IN", key="state", stringValues={"values": ["A", "B"]}), Predicate("state", Op.IN, ("A", "B"))),
        (one(operation=9, key="name", stringValue="x"), Predicate("name", Op.IS_SUBSTRING, ("x",))),
        (one(operation="GREATER_THAN", key="created_at", timestampValue="1970-01-01T00:01:00Z"), Predicate("created_at", Op.GREATER_THAN, (60.0,))),
        (one(operation="LESS_THAN", key="metric:loss", longValue="3"), Predicate("metric:loss", Op.LESS_THAN, (3.0,))),
        (one(op="EQUALS", key="tags.team", stringValue="x"), Predicate("tags.team", Op.EQUALS, ("x",))),
        (quote(one(operation=1, key="name", stringValue="x")), Predicate("name", Op.EQUALS, ("x",))),
    ],
)
def test_filters_are_read(text: str, expected: Predicate) -> None:
    assert parse_filter(text, RUN_FIELDS) == (expected,)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[]",
        "[" * 100_000,
        one(operation="EQUALS", key="nope", stringValue="x"),
        one(operation="LIKE", key="name", stringValue="x"),
        one(operation=4, key="name", stringValue="x"),
        one(operation=True, key="name", stringValue="x"),
        one(key="name", stringValue="x"),
        one(operation=1, key="name"),
        one(operation=1, key="name", stringValue="x", intValue=1),
        one(operation=1, key="name", stringValues={"values": ["x"]}),
        one(operation="IN", key="name", stringValue="x"),
        one(operation="IN", key="name", stringValues=["x"]),
        one(operation=9, key="created_at", timestampValue="2026-01-01T00:00:00Z"),
        one(operation=1, key="created_at", stringValue="yesterday"),
        one(operation=1, key="name", stringValue={"a": 1}),
        one(operation=1, key="name", stringValue="x", extra=1),
        one(operation=1, key="tags.", stringValue="x"),
        json.dumps({"predicates": {}}),
        json.dumps({"predicate": []}),
    ],
)
def test_wrong_filters_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"filter|time"):
        parse_filter(text, RUN_FIELDS)


def test_sorting() -> None:
    assert parse_sort("", RUN_FIELDS) == Sort("created_at")
    assert parse_sort("name DESC", RUN_FIELDS) == Sort("name", is_descending=True)
    assert parse_sort("metric:loss asc", RUN_FIELDS) == Sort("metric:loss")
    for text in ("nope", "name down", "name asc x", "metric:", "tags.x"):
        with pytest.raises(InvalidArgumentError, match="sort_by"):
            parse_sort(text, RUN_FIELDS)
    with pytest.raises(InvalidArgumentError):
        parse_sort("metric:x", PIPELINE_FIELDS)


def test_a_token_continues_its_own_list_only() -> None:
    opened = open_list(ListRequest(sort_by="name desc", page_size=500), RUN_FIELDS)
    assert opened.query == ListQuery(sort=Sort("name", is_descending=True), limit=200)
    token = opened.next_token(Page([], 3, ("ä", "id-1")))
    again = open_list(ListRequest(page_token=token), RUN_FIELDS)
    assert (again.query.after, again.query.sort) == (("ä", "id-1"), opened.query.sort)
    assert open_list(ListRequest(page_token=token, sort_by="name desc"), RUN_FIELDS).query == again.query
    assert opened.next_token(Page([], 3, None)) == ""
    for request in (
        ListRequest(page_token=token, sort_by="name asc"),
        ListRequest(page_token=token, filter=one(operation=1, key="name", stringValue="x")),
        ListRequest(page_token=token[:-3]),
        ListRequest(page_token="garbage"),
        ListRequest(page_token="é"),
        ListRequest(page_size=-1),
    ):
        with pytest.raises(InvalidArgumentError, match="page_"):
            open_list(request, RUN_FIELDS)
    with pytest.raises(InvalidArgumentError, match="page_token"):
        open_list(ListRequest(page_token=token), EXPERIMENT_FIELDS)


def test_macros() -> None:
    now = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC).timestamp()
    values = MacroValues(RunId("run-1"), now + 60, scheduled_at=now, index=3)
    expanded = expand_parameters(
        {
            "a": "[[ScheduledTime]]/[[CurrentTime]]",
            "b": "[[Index]] [[RunUUID]] [[ScheduledTime.2006-01-02 15:04:05]]",
            "c": {"deep": ["{{$.scheduledTime.strftime('%Y-%m-%d')}}", "{{$.currentTime.strftime('%s')}}"]},
            "d": 5,
            "e": "[[Other]] {{$.x}}",
        },
        values,
    )
    assert expanded == {
        "a": "20260304050607/20260304050707",
        "b": "3 run-1 2026-03-04 05:06:07",
        "c": {"deep": ["2026-03-04", str(int(now) + 60)]},
        "d": 5,
        "e": "[[Other]] {{$.x}}",
    }
    uid = {"a": "run {{workflow.uid}}"}
    assert expand_parameters(uid, MacroValues(RunId("r"), now, is_workflow=True)) == {"a": "run r"}
    assert expand_parameters(uid, MacroValues(RunId("r"), now)) == uid
    assert expand_parameters({"a": "[[Index]][[ScheduledTime]]"}, MacroValues(RunId("r"), now)) == {"a": "[[Index]][[ScheduledTime]]"}


@pytest.mark.parametrize(
    ("layout", "text"),
    [("Mon Jan _2 15:04:05 2006", "Wed Mar  4 05:06:07 2026"), ("3:04PM", "5:06AM"), ("06/1/2", "26/3/4"), ("Monday, January", "Wednesday, March"), ("20060102", "20260304")],
)
def test_go_layouts(layout: str, text: str) -> None:
    assert format_go(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), layout) == text


def test_names_and_tags() -> None:
    check_name("ok", label="x", limit=2)
    for bad in ("", "  ", "abc", "a\n"):
        with pytest.raises(InvalidArgumentError, match="x"):
            check_name(bad, label="x", limit=2)
    assert check_tags({"team": "red"}) == {"team": "red"}
    for tags in ({"a.b": "x"}, {"a": 1}, {"": "x"}, {"a" * 64: "x"}, {"a": "x" * 64}, {str(number): "" for number in range(21)}):
        with pytest.raises(InvalidArgumentError, match="tags"):
            check_tags(tags)


def test_times() -> None:
    assert parse_time("1970-01-01T01:00:00+01:00") == 0.0
    assert parse_time("1970-01-01T00:00:01.5Z") == 1.5
    with pytest.raises(InvalidArgumentError):
        parse_time("soon")


def test_runs_of_a_scheduled_workflow_are_named_as_its_resources_are() -> None:
    names = [scheduled_workflow_name(name, "a-schedule", 3) for name in ("! HaVe ä £unky name", "AloooooooooooooooooongName", "")]
    words = [name.rsplit("-", 2)[0] for name in names]
    assert [word[:-5] for word in words] == ["haveunkyname", "aloooooooooooooooooongnam", "job-"]
    assert len({word[-5:] for word in words}) == 1
    assert all(re.fullmatch(r"[a-z0-9-]+-3-\d+", name) for name in names)
    assert scheduled_workflow_name("x", "one", 1) != scheduled_workflow_name("x", "another", 1)
