"""A hundred task processes of the real client at once, and a server that is killed while a flow runs: nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.metaflow.machine import Machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("bursts") / "data") as running:
        yield running


def test_a_burst_of_tasks_loses_nothing(server: LiveServer, tmp_path: Path) -> None:
    machine = Machine(server, tmp_path, embedded_store=False)
    machine.run("wide", "run", "--width", "100", "--max-workers", "100")
    out = machine.read("run = Flow('WideFlow').latest_run\nout = [run.data.total, len(list(run['work'])), run.id]")
    assert out[:2] == [sum(number**2 for number in range(100)), 100]


def test_a_server_killed_during_a_run_costs_nothing(server: LiveServer, tmp_path: Path) -> None:
    machine = Machine(server, tmp_path, embedded_store=False)
    flow = machine.start("cards", "run", METAFLOW_SERVICE_RETRY_COUNT="8")
    while "CardsFlow" not in {found["flow_id"] for found in server.get("/metaflow/flows")}:
        assert flow.poll() is None
        time.sleep(0.1)
    server.restart()
    Machine.finish(flow)
    out = machine.read("run = Flow('CardsFlow').latest_run\nout = [run.successful, run.data.number]")
    assert out == [True, 3]
