"""Very large runs in a real browser: `python -m benchmarks.web_scale` (needs Debian's chromium). Budgets: docs/web.md.

Generates a database with a run of 10,000 tasks, a loop of 10,000 iterations, a lineage of 5,000 nodes and a log of 1 GB, serves the
pages over it in a process of its own, and measures from the click to the painted graph, grid, drawing and log; then one change of
state, and the server's part of each. Browser figures are medians of three; each opens a fresh page.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette

from benchmarks.lineage import fill as fill_lineage
from benchmarks.report import Report
from penstock.domain.ids import RunId, TaskPath, task_id_for
from penstock.server.clock import SystemClock
from penstock.server.lineage import build_lineage
from penstock.server.notifier import LocalNotifier
from penstock.server.web import page_readers
from penstock.spec.loader import SpecPlanLoader
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.files.attempt_logs import AttemptLogFiles
from penstock.stores.sql.database import Database, Transaction, open_database
from penstock.web.routes.lineage import routes as lineage_pages
from penstock.web.routes.pages import routes
from penstock.web.services.web import WebServices

ROOT = Path(__file__).parents[1]
TASKS = 10_000
ITERATIONS = 10_000
LOG_BYTES = 1_000_000_000
REPEATS = 3
BIG, LOOP = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


def spec(task_count: int) -> dict[str, Any]:
    """Return a definition: one `load`, very many `work` in ten stages that follow each other, one `gather`."""
    tasks: dict[str, Any] = {"load": {"componentRef": {"name": "comp-load"}, "taskInfo": {"name": "load"}}}
    stage = (task_count - 2) // 10
    for number in range(task_count - 2):
        before = "load" if number < stage else f"work-{number - stage}"
        tasks[f"work-{number}"] = {
            "componentRef": {"name": f"comp-work-{min(number // stage, 9)}"},
            "taskInfo": {"name": f"work-{number}"},
            "dependentTasks": [before],
        }
    tasks["gather"] = {
        "componentRef": {"name": "comp-gather"},
        "taskInfo": {"name": "gather"},
        "dependentTasks": [f"work-{number}" for number in range(task_count - 2 - stage, task_count - 2)],
    }
    names = ["load", *(f"work-{number}" for number in range(10)), "gather"]
    return {
        "pipelineInfo": {"name": "very-large"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.14.0",
        "root": {"dag": {"tasks": tasks}},
        "components": {f"comp-{name}": {"executorLabel": f"exec-{name}"} for name in names},
        "deploymentSpec": {"executors": {f"exec-{name}": {"container": {"image": "x", "command": ["true"]}} for name in names}},
    }


def add_task(
    rows: list[tuple[Any, ...]],
    run: str,
    path: str,
    parent: str | None,
    kind: str,
    *,
    state: str,
    index: int | None = None,
    component: str = "",
) -> str:
    """Append a row of `task`; return its id."""
    task_id = task_id_for(RunId(run), TaskPath(path))
    key = path.rpartition("/")[2].partition("[")[0]
    inputs = json.dumps({"parameters": {"pipelinechannel--loop-item-param-1": index}}) if index is not None else "{}"
    component = component or f"comp-{key}"
    rows.append((task_id, run, len(rows) + 1, parent, path, key, key, kind, component, index, len(rows), state, inputs))
    return str(task_id)


def fill(database: Database) -> None:
    """Store both runs."""
    content = json.dumps({"pipeline_spec": spec(TASKS), "platform_spec": {}})
    rows: list[tuple[Any, ...]] = []
    root = add_task(rows, BIG, "root", None, "ROOT", state="RUNNING")
    for number in range(TASKS - 2):
        state = "FAILED" if number == 77 else "SUCCEEDED" if number < TASKS // 2 else "PENDING"
        component = f"comp-work-{min(number // ((TASKS - 2) // 10), 9)}"
        add_task(rows, BIG, f"root/work-{number}", root, "RUNTIME", state=state, component=component)
    add_task(rows, BIG, "root/load", root, "RUNTIME", state="SUCCEEDED")
    add_task(rows, BIG, "root/gather", root, "RUNTIME", state="PENDING")
    other = add_task(rows, LOOP, "root", None, "ROOT", state="RUNNING")
    loop = add_task(rows, LOOP, "root/for-loop-1", other, "LOOP", state="RUNNING")
    for number in range(ITERATIONS):
        state = "FAILED" if number == 4321 else "SUCCEEDED"
        add_task(rows, LOOP, f"root/for-loop-1[{number}]", loop, "ITERATION", state=state, index=number)

    def work(tx: Transaction) -> None:
        into = "INSERT INTO spec (digest, kind, name, content, created_at)"
        tx.execute(f"{into} VALUES ('sha256:big', 'kfp', 'very-large', ?, 0)", (content,))
        for run, digest in ((BIG, "sha256:big"), (LOOP, None)):
            tx.execute(
                "INSERT INTO run (run_id, kind, name, pipeline_name, spec_digest, state, created_at, scheduled_at, started_at, task_count)"
                " VALUES (?, 'kfp', 'big', 'very-large', ?, 'RUNNING', ?, ?, ?, ?)",
                (run, digest, time.time(), time.time(), time.time(), TASKS),
            )
        tx.many(
            "INSERT INTO task (task_id, run_id, execution_id, parent_task_id, path, task_key, display_name, type, component,"
            " iteration_index, position, state, inputs, created_at, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1.0, 1)",
            rows,
        )

    database.write_sync(work)


def write_log(data: Path, size: int) -> str:
    """Write a log of `size` bytes for the failed task; return the task's id. One line in a hundred thousand is an error."""
    task_id = task_id_for(RunId(BIG), TaskPath("root/work-77"))
    path = data / "runs" / BIG / task_id / "0" / "log"
    path.parent.mkdir(parents=True)
    line = b"2026-01-01 00:00:00 INFO step %06d loss 0.123456 and some more words on the line\n"
    block = b"".join(line % number for number in range(99_999))
    block += b"ValueError: this is where it went wrong\n"
    with path.open("wb") as log:
        while log.tell() < size:
            log.write(block)
    return str(task_id)


def serve(data: Path, port: int) -> None:
    """Serve the pages over `data` until killed."""
    database = open_database(f"sqlite:///{data / 'penstock.db'}", synchronous="NORMAL")
    services = WebServices(
        **page_readers(database, AttemptLogFiles(data)),
        plans=SpecPlanLoader(),
        notifier=LocalNotifier(),
        clock=SystemClock(),
        blobs=LocalBlobStore(data / "blobs"),
        actions=None,  # type: ignore[arg-type]
        url=f"http://127.0.0.1:{port}",
        version="bench",
    )
    lineage = lineage_pages(services, build_lineage(database, services.blobs), lambda _: lambda _entity: True)
    uvicorn.run(Starlette(routes=[*lineage, *routes(services)]), host="127.0.0.1", port=port, log_level="error", lifespan="off")


@contextmanager
def served(data: Path, module: str = "benchmarks.web_scale") -> Iterator[str]:
    """Run `serve` of a benchmark's module in a process of its own; yield its address."""
    port = 20_000 + os.getpid() % 20_000
    process = subprocess.Popen([sys.executable, "-m", module, "serve", str(data), str(port)], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        while process.poll() is None:
            try:
                httpx.get(f"{url}/ui/system", timeout=60)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        else:
            raise RuntimeError("the pages could not be served")
        yield url
    finally:
        process.kill()
        process.wait()


def opened(browser: Browser, address: str, ready: str) -> list[float]:
    """Milliseconds from navigation to `ready` (what is there then), each time in a fresh page."""
    times = []
    for _ in range(REPEATS):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        start = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.locator(ready).first.wait_for(state="attached", timeout=60_000)
        times.append(1000 * (time.perf_counter() - start))
        context.close()
    return times


def answered(url: str) -> list[float]:
    """Milliseconds of the server for an address."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        httpx.get(url, timeout=120).raise_for_status()
        times.append(1000 * (time.perf_counter() - start))
    return times


def patched(page: Page) -> list[float]:
    """Milliseconds of the page's thread for one change of state: fetched, compared, painted."""
    script = """async () => {
      const began = performance.now();
      document.dispatchEvent(new CustomEvent("penstock:change"));
      await new Promise((resolve) => {
        const seen = new PerformanceObserver((list) => {
          if (list.getEntries().some((entry) => entry.name.includes("/graph"))) {
            seen.disconnect();
            resolve();
          }
        });
        seen.observe({ type: "resource" });
      });
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      return performance.now() - began;
    }"""
    times = []
    for _ in range(REPEATS):
        page.wait_for_timeout(600)  # changes are taken together for 400 ms
        times.append(page.evaluate(script))
    return times


def main() -> None:
    """Fill, serve, measure, report."""
    report = Report("web_scale")

    def note(what: str, times: list[float], target: str) -> None:
        report.add(what, f"{statistics.median(times):.0f} ms (first {times[0]:.0f})", target)

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        database = open_database(f"sqlite:///{data / 'penstock.db'}", synchronous="NORMAL")
        fill(database)
        fill_lineage(database)
        database.close()
        failed = write_log(data, LOG_BYTES)
        with served(data) as url, sync_playwright() as playwright:
            chromium = os.environ.get("PENSTOCK_CHROMIUM", "/usr/bin/chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            drawn = "#graph .node >> nth=5"
            note(f"graph of {TASKS:,} tasks, collapsed: server", answered(f"{url}/ui/runs/{BIG}/graph"), "")
            note(f"graph of {TASKS:,} tasks, collapsed: open to painted", opened(browser, f"{url}/ui/runs/{BIG}", drawn), "2,500 ms")
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{url}/ui/runs/{BIG}")
            page.locator(drawn).first.wait_for(state="attached")
            note("the same, one change of state: fetched and painted", patched(page), "100 ms")
            page.close()
            root = task_id_for(RunId(BIG), TaskPath("root"))
            whole = "#graph .node >> nth=200"
            note("cluster of 999 opened in place (200 drawn)", opened(browser, f"{url}/ui/runs/{BIG}?open={root}~1", whole), "")
            loop = task_id_for(RunId(LOOP), TaskPath("root/for-loop-1"))
            grid = '.loop-grid[aria-label^="10000"]'
            note(f"grid of {ITERATIONS:,} iterations: server", answered(f"{url}/ui/runs/{LOOP}/graph?open={loop}"), "")
            painted = opened(browser, f"{url}/ui/runs/{LOOP}?open={loop}", grid)
            note(f"grid of {ITERATIONS:,} iterations: open to painted", painted, "1,000 ms")
            lineage = f"{url}/ui/lineage?of=artifact:1&depth=3"
            boxes = "#lineage .node >> nth=2"
            note("lineage of 5,101 nodes, depth 3: open to painted", opened(browser, lineage, boxes), "1,500 ms")
            base = f"{url}/ui/runs/{BIG}/tasks/{failed}/log"
            lines = "[data-log-lines] .log-line >> nth=100"
            note("log of 1 GB, end first: server", answered(f"{base}?attempt=0"), "")
            note("log of 1 GB, end first: open to painted", opened(browser, f"{url}/ui/runs/{BIG}?task={failed}&tab=logs", lines), "")
            note("log of 1 GB, window in the middle", answered(f"{base}?attempt=0&offset=500000000&align=1"), "")
            note("log of 1 GB, search: first matches", answered(f"{base}/search?attempt=0&q=ValueError"), "")
            browser.close()
    report.save()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
