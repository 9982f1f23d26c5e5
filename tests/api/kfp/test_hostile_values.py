"""Values that no client of good will sends: refused in the words of the protocol, never a fault of the server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.kfp.test_runs import run_body
from tests.support.kfp_api import BASE, KfpApi, pipeline_spec


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def predicate(**parts: Any) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "name", **parts}]})


@pytest.mark.parametrize("levels", [199, 600])
async def test_deep_values_are_refused(levels: int, api: KfpApi) -> None:
    spec = pipeline_spec()
    spec["root"]["inputDefinitions"]["parameters"]["l"] = {"parameterType": "LIST", "isOptional": True}
    body = {"display_name": "deep", "pipeline_spec": spec, "runtime_config": {"parameters": {"text": "hi", "l": nested(levels)}}}
    for path in ("/runs", "/runs:planCache"):
        assert "nested more than 200 levels" in await api.refused("POST", path, body, status=400, code=3)


async def test_what_is_nested_less_is_kept_and_answered(api: KfpApi) -> None:
    spec = pipeline_spec()
    spec["root"]["inputDefinitions"]["parameters"]["l"] = {"parameterType": "LIST", "isOptional": True}
    body = {"display_name": "deep", "pipeline_spec": spec, "runtime_config": {"parameters": {"text": "hi", "l": nested(190)}}}

    run = await api.call("POST", "/runs", body)

    assert (await api.ended(run["run_id"]))["runtime_config"]["parameters"]["l"] == nested(190)
    assert (await api.call("GET", "/runs"))["runs"]


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_times_beyond_the_calendar_are_refused(text: str, api: KfpApi) -> None:
    trigger = {"periodic_schedule": {"interval_second": "60", "start_time": text}}
    body = {**run_body(), "trigger": trigger, "max_concurrency": "1", "mode": "DISABLE"}

    assert "years 1 to 9999" in await api.refused("POST", "/recurringruns", body, status=400, code=3)
    await api.refused("GET", "/runs", status=400, code=3, filter=predicate(key="created_at", timestampValue=text))


@pytest.mark.parametrize("path", ["/runs", "/experiments", "/pipelines", "/recurringruns", "/tasks", "/artifacts"])
async def test_filters_hold_any_text_and_number(path: str, api: KfpApi) -> None:
    for text in ("\ud800", "a\x00b"):
        assert not (await api.call("GET", path, filter=predicate(stringValue=text))).get("total_size")
    for wrong in ({"longValue": 10**400}, {"stringValue": "x", "operation": "9" * 5000}, {"stringValue": "x", "operation": 10**400}):
        await api.refused("GET", path, status=400, code=3, filter=predicate(**wrong))


@pytest.mark.parametrize("size", ["1" + "0" * 30, "9" * 5000])
async def test_a_long_page_size_is_the_largest(size: str, api: KfpApi) -> None:
    await api.call("GET", "/runs", page_size=size)


@pytest.mark.parametrize("number", ["1e309", "NaN", "-Infinity", 10**400])
@pytest.mark.parametrize("place", [("retryPolicy", "maxRetryCount"), ("iteratorPolicy", "parallelismLimit")])
async def test_numbers_that_are_not_finite_are_refused_with_their_place(place: tuple[str, str], number: Any, api: KfpApi) -> None:
    spec = pipeline_spec()
    spec["root"]["dag"]["tasks"]["work"][place[0]] = {place[1]: number}
    body = json.dumps({"display_name": "r", "pipeline_spec": spec, "runtime_config": {"parameters": {"text": "hi"}}})

    answer = await api.http.post(f"{BASE}/runs", content=body)

    assert answer.status_code == 400, answer.text
    assert f"{place[0]}.{place[1]}" in answer.json()["message"] or "not JSON" in answer.json()["message"]
