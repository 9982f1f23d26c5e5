"""A run as a trace for the tools of OpenTelemetry."""

from __future__ import annotations

from typing import Any

from tests.browser.app import SeededApp
from tests.unit.web.conftest import PageClient


def spans_of(client: PageClient, run_id: str) -> list[dict[str, Any]]:
    answer = client.get(f"/ui/runs/{run_id}/trace")
    assert answer.headers["content-type"] == "application/json"
    (resource,) = answer.json()["resourceSpans"]
    assert resource["resource"]["attributes"][0] == {"key": "service.name", "value": {"stringValue": "penstock"}}
    spans: list[dict[str, Any]] = resource["scopeSpans"][0]["spans"]
    return spans


def test_a_run_is_the_root_span_of_its_tasks_and_their_phases(seeded: SeededApp, client: PageClient) -> None:
    spans = spans_of(client, seeded.runs["failed"])
    (root,) = [span for span in spans if "parentSpanId" not in span]
    by_id = {span["spanId"]: span for span in spans}
    assert len(by_id) == len(spans) > 3
    assert {span["traceId"] for span in spans} == {root["traceId"]}
    assert (len(root["traceId"]), len(root["spanId"]), root["status"]) == (32, 16, {"code": 2})
    for span in spans:
        assert 0 < int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        if span is not root:
            assert span["parentSpanId"] in by_id
    tasks = [span for span in spans if span.get("parentSpanId") == root["spanId"]]
    facts = [{item["key"]: item["value"] for item in task["attributes"]} for task in tasks]
    assert {"FAILED", "SUCCEEDED"} <= {fact["penstock.state"]["stringValue"] for fact in facts}
    phases = [span for span in spans if span.get("parentSpanId") not in {None, root["spanId"]}]
    for phase in phases:
        task = by_id[phase["parentSpanId"]]
        assert int(task["startTimeUnixNano"]) <= int(phase["startTimeUnixNano"])
        assert int(phase["endTimeUnixNano"]) <= int(task["endTimeUnixNano"])


def test_the_same_run_is_the_same_trace_and_the_timeline_offers_it(seeded: SeededApp, client: PageClient) -> None:
    run_id = seeded.runs["good"]
    assert spans_of(client, run_id) == spans_of(client, run_id)
    assert f'href="/ui/runs/{run_id}/trace" download' in client.get(f"/ui/runs/{run_id}?view=timeline").text
    assert client.get("/ui/runs/unheard/trace").status_code == 404
