"""What a reader waits for on boards of panels: one series of 1,000,000 points, and a workspace of 1,000 runs with 200 keys each.

Run: `.venv/bin/python -m benchmarks.boards [--points 1000000] [--runs 1000] [--keys 200]`. The data is written through the store,
then served by a real server and drawn by Debian's chromium; times are those of the page (navigation to the drawn canvas), counts
those of the network.
With `--only server` no browser is used: the cost of the two page requests in processor time of the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, Request, Response, sync_playwright
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.support.server import LiveServer
from tests.support.tracking import HandClock, tracking_room

from penstock.domain.tracking import RunChange
from penstock.interfaces.tracking_store import SeriesAppend
from penstock.server.tracking import Tracking
from penstock.stores.sql.database import open_database

_BATCH = 50_000
_ROWS = 10
SPIKE = 123_457


async def one_series(room: Tracking, clock: HandClock, points: int) -> None:
    """A run `ann/long/r` whose loss has one value of 1000 among values below 2."""
    run = (await room.runs.upsert("ann", "long", "r", RunChange(display_name="long"), user_name="ann")).run
    for start in range(0, points, _BATCH):
        lines = [
            json.dumps({"_step": step, "_runtime": step / 100, "loss": 1000.0 if step == SPIKE else 1 + math.sin(step / 997) / 2})
            for step in range(start, min(points, start + _BATCH))
        ]
        await room.series.append([SeriesAppend(run.run_id, "history", start, lines)])
    clock.time += 1


async def many_runs(room: Tracking, clock: HandClock, runs: int, keys: int) -> None:
    """Runs `ann/wide/*` with `keys` numbers in 20 sections and `_ROWS` rows each."""
    names = [f"part{key % 20:02}/metric{key:03}" for key in range(keys)]
    for number in range(runs):
        clock.time += 1
        config = json.dumps({"lr": {"value": 10 ** -(number % 5)}, "seed": {"value": number}})
        summary = json.dumps({name: number * place % 17 / 17 for place, name in enumerate(names)})
        change = RunChange(display_name=f"run {number}", config=config, summary=summary, group=f"g{number % 10}")
        run = (await room.runs.upsert("ann", "wide", f"w{number}", change, user_name="ann")).run
        lines = [
            json.dumps({"_step": step, **{name: math.exp(-step / 20) + number * place % 13 / 40 for place, name in enumerate(names)}})
            for step in range(_ROWS)
        ]
        await room.series.append([SeriesAppend(run.run_id, "history", 0, lines)])


async def fill(folder: Path, points: int, runs: int, keys: int) -> None:
    """Write both projects into a data folder."""
    clock = HandClock(time.time() - 10_000)
    database = open_database(f"sqlite:///{folder}/penstock.db", synchronous="OFF")
    try:
        async with tracking_room(folder, clock, database) as room:
            await one_series(room, clock, points)
            await many_runs(room, clock, runs, keys)
    finally:
        database.close()


class Traffic:
    """Requests of a page: how many, and the most at once, of those for series and values."""

    def __init__(self, page: Page) -> None:
        self.flying: set[Request] = set()
        self.most = self.count = 0
        page.on("request", self._begin)
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._end)

    def _begin(self, request: Request) -> None:
        if "/ui/tracking/" in request.url:
            self.flying.add(request)
            self.count += 1
            self.most = max(self.most, len(self.flying))

    def _end(self, request: Request) -> None:
        self.flying.discard(request)


REPEATS = 3
"""Each with nothing cached; the first one also starts the browser's own processes."""
DRAWN = "(count) => [...document.querySelectorAll('.kind-line canvas')].filter((one) => one.width > 0).length >= count"


def draw_long(page: Page, points: int) -> dict[str, Any]:
    """Times of first draw and of a zoom into a tenth; what the page says of the highest value."""
    begin = time.perf_counter()
    page.goto("/ann/long/runs/r/charts", wait_until="commit")
    page.wait_for_function(DRAWN, arg=1)
    first = time.perf_counter() - begin
    panel = page.locator('figure[data-key="loss"]')
    panel.get_by_role("button", name="Values as a table").click()
    highest = panel.locator(".chart-table td").nth(2).inner_text()
    note = panel.locator(".panel-note").inner_text()
    panel.focus()
    begin = time.perf_counter()
    with page.expect_response(lambda answer: "from=" in answer.url):
        page.keyboard.press("+")
    zoom = time.perf_counter() - begin
    return {"points": points, "first draw, s": first, "zoom refetch, s": zoom, "highest value shown": highest, "note": note}


def draw_wide(page: Page, runs: int, keys: int) -> dict[str, Any]:
    """Times, traffic and memory of a workspace, scrolled to its end and back."""
    traffic = Traffic(page)
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if answer.status >= 400 else None)
    begin = time.perf_counter()
    page.goto("/ann/wide", wait_until="commit")
    page.wait_for_function(DRAWN, arg=2)
    first = time.perf_counter() - begin
    page.wait_for_load_state("networkidle")
    at_top = traffic.count
    heap = [_heap(page)]
    for _ in range(2):
        height = page.evaluate("document.scrollingElement.scrollHeight")
        for top in range(0, height, 700):
            page.evaluate("(top) => document.scrollingElement.scrollTo(0, top)", top)
            page.wait_for_timeout(60)
        page.evaluate("document.scrollingElement.scrollTo(0, 0)")
        page.wait_for_load_state("networkidle")
        heap.append(_heap(page))
    return {
        "runs": runs, "keys": keys, "first panels, s": first, "requests before scrolling": at_top,
        "requests after scrolling twice": traffic.count, "most requests at once": traffic.most, "refused": len(answers),
        "heap before, after one and two passes, MB": [round(size / 1e6, 1) for size in heap],
        "canvases at the top": page.evaluate("document.querySelectorAll('.kind-line canvas').length"),
    }  # fmt: skip


def _heap(page: Page) -> int:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    found = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return int(found["JSHeapUsedSize"])


def cpu_of(server: LiveServer, path: str, times: int = 5) -> float:
    """Processor seconds of the server for one answer, mean of `times`."""

    def used() -> float:
        fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    httpx.get(server.url + path, headers={"accept": "text/html"}, timeout=60).raise_for_status()
    before = used()
    for _ in range(times):
        httpx.get(server.url + path, headers={"accept": "text/html"}, timeout=60).raise_for_status()
    return (used() - before) / times


def main() -> None:
    """Fill, serve, draw, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--only", choices=["server", "all"], default="all")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        folder.mkdir()
        begin = time.perf_counter()
        asyncio.run(fill(folder, chosen.points, chosen.runs, chosen.keys))
        print(f"written in {time.perf_counter() - begin:.0f} s", flush=True)
        with LiveServer(folder, env={"PENSTOCK_SERVER_USER": "ann"}) as server:
            for label, path in (("page of the workspace", "/ann/wide"), ("page of the run", "/ann/long/runs/r/charts")):
                print(f"{label}: {cpu_of(server, path) * 1000:.0f} ms of server CPU", flush=True)
            if chosen.only == "server":
                return
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                for draw in (lambda page: draw_long(page, chosen.points), lambda page: draw_wide(page, chosen.runs, chosen.keys)):
                    for _ in range(REPEATS):
                        context = browser.new_context(base_url=server.url, viewport={"width": 1440, "height": 900})
                        print(json.dumps(draw(context.new_page()), indent=1), flush=True)
                        context.close()
                browser.close()


if __name__ == "__main__":
    main()
