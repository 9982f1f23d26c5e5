"""A server killed while a schedule fires every second: nothing fires twice, nothing is lost."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import datetime

import pytest

from tests.support.kfp_api import pipeline_spec
from tests.support.server import LiveServer

pytestmark = pytest.mark.faults


def test_kills_neither_lose_nor_repeat_a_planned_time(start_server: Callable[..., LiveServer]) -> None:
    server = start_server()
    body = {
        "display_name": "every second",
        "pipeline_spec": pipeline_spec(),
        "runtime_config": {"parameters": {"text": "x"}},
        "max_concurrency": 10,
        "trigger": {"periodic_schedule": {"interval_second": 1}},
        "mode": "ENABLE",
    }
    recurring = server.post("/apis/v2beta1/recurringruns", body)
    for _ in range(2):
        _wait_for_one_more(server)
        server.restart()
    _wait_for_one_more(server)

    ticks = server.get(f"/apis/v2beta1/recurringruns/{recurring['recurring_run_id']}/ticks")["ticks"]
    runs = server.get("/apis/v2beta1/runs", page_size=200, sort_by="scheduled_at")["runs"]
    planned = [datetime.fromisoformat(run["scheduled_at"]).timestamp() for run in runs]
    assert all(later - earlier == pytest.approx(1.0, abs=0.001) for earlier, later in itertools.pairwise(planned)), planned
    assert {tick["outcome"] for tick in ticks} == {"FIRED"}
    recorded = {tick["run_id"] for tick in ticks}
    assert recorded <= {run["run_id"] for run in server.get("/apis/v2beta1/runs", page_size=200)["runs"]}


def _wait_for_one_more(server: LiveServer) -> None:
    """Return when a run was created that was not there before."""
    before = server.get("/apis/v2beta1/runs").get("total_size", 0)
    deadline = time.monotonic() + 300
    while server.get("/apis/v2beta1/runs").get("total_size", 0) <= before:
        assert time.monotonic() < deadline, server.log[-3000:]
        time.sleep(0.02)
