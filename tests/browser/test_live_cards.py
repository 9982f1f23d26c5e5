"""The page of a running task follows what its step refreshes on a card, with the real client, in Chromium."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.conformance.metaflow.machine import Machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
PATIENCE = 240_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path / "data") as running:
        yield running


def wait_for_task(server: LiveServer) -> str:
    """Return the address of the page of the start step's task, as soon as that is recorded."""
    deadline = time.monotonic() + PATIENCE / 1000
    address = f"{server.url}/metaflow/flows/LiveCardFlow/runs"
    while time.monotonic() < deadline:
        runs = httpx.get(address, timeout=30)
        if runs.status_code == 200 and runs.json():
            run = runs.json()[0]["run_number"]
            tasks = httpx.get(f"{address}/{run}/steps/start/tasks", timeout=30)
            if tasks.status_code == 200 and tasks.json():
                return f"/flows/LiveCardFlow/{run}/start/{tasks.json()[0]['task_id']}"
        time.sleep(0.2)
    raise AssertionError("the flow never recorded its first task")


def test_a_card_follows_its_running_step(server: LiveServer, chromium: Browser, tmp_path: Path) -> None:
    machine = Machine(server, tmp_path / "machine")
    flow = machine.start("live_card", "run", "--folder", str(tmp_path))
    context = chromium.new_context(base_url=server.url)
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{wait_for_task(server)}?tab=cards")
        card = page.frame_locator("iframe")
        expect(card.get_by_text("first words")).to_be_visible(timeout=PATIENCE)
        page.evaluate("window.isSamePage = true")
        (tmp_path / "seen-first").touch()
        expect(card.get_by_text("second words")).to_be_visible(timeout=PATIENCE)
        (tmp_path / "seen-second").touch()
        expect(card.get_by_text("last words")).to_be_visible(timeout=PATIENCE)
        assert page.evaluate("window.isSamePage") is True
        Machine.finish(flow)
    finally:
        for name in ("seen-first", "seen-second"):
            (tmp_path / name).touch()
        if flow.poll() is None:
            flow.kill()
        context.close()
