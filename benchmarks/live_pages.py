"""Pages that change while they are looked at: `python -m benchmarks.live_pages` (needs Debian's chromium). Budgets: docs/web.md.

Serves a running pipeline run of 100 tasks, whose tasks change their states 100 times a second, and one of 10,000 tasks. Measures how long
the page of the small run takes to its first useful picture, which share of the time the main threads of 50 tabs work while that goes on,
and how many frames a second are drawn while the large graph is dragged and zoomed.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from starlette.applications import Starlette

from benchmarks.report import Report
from benchmarks.web_scale import add_task, opened, served, spec
from penstock.domain.ids import RunId
from penstock.domain.runs import RunChanged
from penstock.domain.states import RuntimeState
from penstock.server.clock import SystemClock
from penstock.server.notifier import LocalNotifier
from penstock.server.web import page_readers
from penstock.spec.loader import SpecPlanLoader
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.files.attempt_logs import AttemptLogFiles
from penstock.stores.sql.database import Database, Transaction, open_database
from penstock.web.routes.pages import routes
from penstock.web.services.web import WebServices

SMALL, LARGE = "00000000-0000-4000-8000-000000000003", "00000000-0000-4000-8000-000000000004"
SIZES = {SMALL: 100, LARGE: 10_000}
TABS = 50
EVENTS_A_SECOND = 100
WATCHED_SECONDS = 15


def fill(database: Database) -> None:
    """Store a running run of each size."""
    for run, size in SIZES.items():
        rows: list[tuple[Any, ...]] = []
        root = add_task(rows, run, "root", None, "ROOT", state="RUNNING")
        for name in ("load", *(f"work-{number}" for number in range(size - 2)), "gather"):
            component = f"comp-work-{min(int(name[5:]) // ((size - 2) // 10), 9)}" if name.startswith("work-") else f"comp-{name}"
            add_task(rows, run, f"root/{name}", root, "RUNTIME", state="PENDING", component=component)
        database.write_sync(lambda tx, run=run, rows=rows: store(tx, run, rows))  # type: ignore[misc]


def store(tx: Transaction, run: str, rows: list[tuple[Any, ...]]) -> None:
    """Write a run with its definition and tasks."""
    tx.execute(
        "INSERT INTO spec (digest, kind, name, content, created_at) VALUES (?, 'kfp', 'very-large', ?, 0)",
        (f"sha256:{run}", json.dumps({"pipeline_spec": spec(SIZES[run]), "platform_spec": {}})),
    )
    tx.execute(
        "INSERT INTO run (run_id, kind, name, pipeline_name, spec_digest, state, created_at, scheduled_at, started_at, task_count)"
        " VALUES (?, 'kfp', 'live', 'very-large', ?, 'RUNNING', ?, ?, ?, ?)",
        (run, f"sha256:{run}", time.time(), time.time(), time.time(), SIZES[run]),
    )
    tx.many(
        "INSERT INTO task (task_id, run_id, execution_id, parent_task_id, path, task_key, display_name, type, component,"
        " iteration_index, position, state, inputs, created_at, attempts)"
        f" VALUES (?, ?, {0 if run == SMALL else 1000} + ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1.0, 1)",
        rows,
    )


async def change(database: Database, notifier: LocalNotifier) -> None:
    """Give the tasks of the small run, one after the other, another state, and say so, as often a second as `EVENTS_A_SECOND` says."""
    names = [f"root/work-{number}" for number in range(SIZES[SMALL] - 2)]
    began = time.monotonic()
    for number in count():
        state = ("RUNNING", "SUCCEEDED", "PENDING")[number // len(names) % 3]
        path = names[number % len(names)]

        def work(tx: Transaction, state: str = state, path: str = path) -> None:
            tx.execute("UPDATE task SET state = ? WHERE run_id = ? AND path = ?", (state, SMALL, path))

        await database.write(work)
        notifier.publish(RunChanged(RunId(SMALL), number, RuntimeState.RUNNING))
        await asyncio.sleep(max(0.0, began + (number + 1) / EVENTS_A_SECOND - time.monotonic()))


async def serve(data: Path, port: int) -> None:
    """Serve the pages over `data`, where the small run changes all the time, until killed."""
    database = open_database(f"sqlite:///{data / 'penstock.db'}", synchronous="NORMAL")
    notifier = LocalNotifier()
    services = WebServices(
        **page_readers(database, AttemptLogFiles(data)),
        plans=SpecPlanLoader(),
        notifier=notifier,
        clock=SystemClock(),
        blobs=LocalBlobStore(data / "blobs"),
        actions=None,  # type: ignore[arg-type]
        url=f"http://127.0.0.1:{port}",
        version="bench",
    )
    config = uvicorn.Config(Starlette(routes=routes(services)), host="127.0.0.1", port=port, log_level="error", lifespan="off")
    async with asyncio.TaskGroup() as group:
        group.create_task(change(database, notifier))
        await uvicorn.Server(config).serve()


def worked(session: CDPSession) -> float:
    """Seconds of processor time that the main thread of a tab has taken so far."""
    found = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


def shares(browser: Browser, address: str) -> list[float]:
    """Open `TABS` tabs of a page; return the share of a processor, in per cent, that the main thread of each takes while it changes."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    sessions = []
    for _ in range(TABS):
        page = context.new_page()
        page.goto(address, wait_until="commit")
        page.locator("#graph .node >> nth=5").wait_for(state="attached", timeout=120_000)
        session = context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        sessions.append(session)
    time.sleep(5)
    began = time.monotonic()
    before = [worked(session) for session in sessions]
    time.sleep(WATCHED_SECONDS)
    after = [worked(session) for session in sessions]
    passed = time.monotonic() - began
    context.close()
    return sorted(100 * (late - early) / passed for early, late in zip(before, after, strict=True))


def frames(page: Page, *, is_zoom: bool) -> float:
    """Frames a second while a graph is dragged, or zoomed by its wheel, by one step a frame."""
    script = """(isZoom) => new Promise((resolve) => {
      const root = document.querySelector("#graph");
      const box = root.getBoundingClientRect();
      const middle = { bubbles: true, cancelable: true, clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
      const began = performance.now();
      let drawn = 0;
      const step = () => {
        const turn = Math.floor(drawn / 20) % 2 ? 1 : -1;
        const moved = isZoom ? { deltaY: 60 * turn } : { deltaX: 9 * turn, deltaY: 5 * turn };
        root.dispatchEvent(new WheelEvent("wheel", { ...middle, ...moved }));
        drawn += 1;
        if (performance.now() - began > 3000) resolve(drawn * 1000 / (performance.now() - began));
        else requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    })"""
    return float(page.evaluate(script, is_zoom))


def main() -> None:
    """Fill, serve, measure, report."""
    report = Report("live_pages")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        database = open_database(f"sqlite:///{data / 'penstock.db'}", synchronous="NORMAL")
        fill(database)
        database.close()
        with served(data, "benchmarks.live_pages") as url, sync_playwright() as playwright:
            chromium = os.environ.get("PENSTOCK_CHROMIUM", "/usr/bin/chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            times = opened(browser, f"{url}/ui/runs/{SMALL}", "#graph .node >> nth=5")
            measured = f"{statistics.median(times):.0f} ms (first {times[0]:.0f})"
            report.add("page of a run of 100 tasks, while they change: open to graph", measured, "1,000 ms")
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{url}/ui/runs/{LARGE}")
            page.locator("#graph .node >> nth=5").wait_for(state="attached")
            report.add("graph of 10,000 tasks, dragged", f"{frames(page, is_zoom=False):.0f} frames/s", "60")
            report.add("the same, zoomed", f"{frames(page, is_zoom=True):.0f} frames/s", "60")
            page.close()
            found = shares(browser, f"{url}/ui/runs/{SMALL}")
            measured = f"{statistics.median(found):.1f} % (most {found[-1]:.1f})"
            report.add(f"{EVENTS_A_SECOND} changes a second, {TABS} tabs of that run's page: main thread of a tab", measured, "30 %")
            browser.close()
    report.save()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(Path(sys.argv[2]), int(sys.argv[3])))
    else:
        main()
