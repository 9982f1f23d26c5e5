"""A server killed while events come in: what was acknowledged fires exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import yaml

from tests.support.kfp_api import pipeline_spec
from tests.support.server import LiveServer

pytestmark = pytest.mark.faults
OWN = "/apis/penstock/v1"


def test_kills_neither_lose_nor_repeat_what_was_acknowledged(start_server: Callable[..., LiveServer]) -> None:
    server = start_server()
    pipeline = _upload(server, "alpha")
    hook = server.post(f"{OWN}/triggers", _trigger("hook", pipeline, {"kind": "webhook", "max_per_hour": 1000}, text="[[Event.number]]"))
    after = server.post(f"{OWN}/triggers", _trigger("after", pipeline, {"kind": "run_finished", "pipeline": "alpha", "max_per_hour": 1000}))
    accepted: list[int] = []
    for life in range(3):
        with ThreadPoolExecutor(4) as pool:
            deliveries = [pool.submit(_deliver, hook, life * 100 + number) for number in range(12)]
            deliveries[2 + life * 4].result()
            server.kill()
        accepted += [number for delivery in deliveries if (number := delivery.result()) is not None]
        server.start()
    _settle(server, hook, after)

    runs = server.get("/apis/v2beta1/runs", page_size=200)["runs"]
    texts = [run["runtime_config"]["parameters"]["text"] for run in runs if run["recurring_run_id"] == hook["recurring_run_id"]]
    assert sorted(set(texts)) == sorted(texts), "a delivery fired twice"
    assert set(map(str, accepted)) <= set(texts), "an acknowledged delivery was lost"
    assert len(accepted) >= 3
    causes = [event["facts"]["run_id"] for event in _events(server, after) if event["outcome"] == "fired"]
    from_hook = [run["run_id"] for run in runs if run["recurring_run_id"] == hook["recurring_run_id"]]
    assert sorted(causes) == sorted(from_hook), "each finished run starts its follower once, and no follower starts another"


def _upload(server: LiveServer, name: str) -> str:
    content = yaml.safe_dump(pipeline_spec(name)).encode()
    answer = httpx.post(f"{server.url}/apis/v2beta1/pipelines/upload", params={"name": name}, files={"uploadfile": ("a.yaml", content)}, timeout=30)
    return str(answer.raise_for_status().json()["pipeline_id"])


def _trigger(name: str, pipeline: str, event: dict[str, Any], text: str = "x") -> dict[str, Any]:
    return {"display_name": name, "pipeline_id": pipeline, "event": event, "parameters": {"text": text}, "max_concurrency": 4}


def _deliver(hook: dict[str, Any], number: int) -> int | None:
    """Post a delivery; return its number when the server took it."""
    try:
        answer = httpx.post(hook["hook_url"], json={"number": number}, headers={"x-penstock-token": hook["token"]}, timeout=10)
    except httpx.TransportError:
        return None
    return number if answer.status_code == 202 else None


def _events(server: LiveServer, trigger: dict[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = server.get(f"{OWN}/triggers/{trigger['recurring_run_id']}/events")["events"]
    return events


def _settle(server: LiveServer, *triggers: dict[str, Any]) -> None:
    """Wait until every run has ended and no event waits."""
    deadline = time.monotonic() + 300
    while True:
        runs = server.get("/apis/v2beta1/runs", page_size=200).get("runs", [])
        waiting = [event for trigger in triggers for event in _events(server, trigger) if event["outcome"] == "waiting"]
        if not waiting and all(run["state"] in {"SUCCEEDED", "FAILED"} for run in runs):
            return
        assert time.monotonic() < deadline, f"{waiting}\n{server.log[-3000:]}"
        time.sleep(0.1)
