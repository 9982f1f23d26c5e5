"""Chromium and a served, seeded application. A test fails on any console error and on any request that leaves this machine."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partialmethod
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from starlette.types import ASGIApp

from tests.browser.app import SeededApp, build
from tests.browser.watching import watched_page

ROOT = Path(__file__).parents[2]
PATIENCE = 60_000
"""Milliseconds that every expectation may take, in a module run alone as in the whole suite: a busy machine is slow, not wrong."""
CHROMIUM = os.environ.get("PENSTOCK_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Served:
    """The application on a port."""

    url: str
    seeded: SeededApp


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an application by uvicorn on a free port meanwhile; gives the address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    started = threading.Event()
    original = server.startup

    async def startup(sockets: object = None) -> None:
        await original()
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(60)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The pages over a seeded data folder."""
    seeded = build(tmp_path_factory.mktemp("site"))
    with serving(seeded.app) as url:
        yield Served(url, seeded)


@pytest.fixture(scope="session", autouse=True)
def slow_network() -> Iterator[None]:
    """Make every answer as many seconds late as `PENSTOCK_TEST_SLOW_NETWORK` says, and no click wait for the page that it opens.

    Finds tests that act before a page, or its script, is there: what happens once in a hundred runs on a busy machine happens always.
    """
    late = float(os.environ.get("PENSTOCK_TEST_SLOW_NETWORK", "0"))
    new_page, click = BrowserContext.new_page, Locator.click

    def slow_page(context: BrowserContext) -> Page:
        page = new_page(context)
        limits = {"offline": False, "latency": late * 1000, "downloadThroughput": -1, "uploadThroughput": -1}
        context.new_cdp_session(page).send("Network.emulateNetworkConditions", limits)
        return page

    with pytest.MonkeyPatch.context() as patch:
        if late:
            patch.setattr(BrowserContext, "new_page", slow_page)
            patch.setattr(Locator, "click", partialmethod(click, no_wait_after=True))
        yield


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; nothing is downloaded. Whoever has it expects with the patience of all."""
    expect.set_options(timeout=PATIENCE)
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, served: Served) -> Iterator[Page]:
    """A fresh page; leaving it checks console and requests."""
    with watched_page(chromium, served.url) as tab:
        yield tab
