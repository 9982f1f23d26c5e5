"""Pipelines on one machine: throughput, cache, chain, loops, latency, start, memory, lists, against kfp's own local runner."""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import yaml
from tests.support.clients import KFP_NEWEST, KFP_V1, client_environment, client_python
from tests.support.server import LiveServer

from benchmarks.processor import Host, Spent, settled
from benchmarks.report import Report

HERE = Path(__file__).parent
PAGES = {
    "v2beta1": ("/apis/v2beta1/runs", {"page_size": 20, "sort_by": "created_at desc"}),
    "v1beta1": ("/apis/v1beta1/runs", {"page_size": 20, "sort_by": "created_at desc"}),
}
COST = "processor time a task: all (server + supervisors + task processes)"
_LEAST_STOLEN = 0.02
TURNS = 3
"""Of what other guests of the machine disturb: the middle one counts, the others are told."""
FINAL = {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"}


@dataclass(frozen=True)
class Turns:
    """The same work done several times."""

    tasks: int
    seconds: list[float]
    stolen: list[float]
    """Share of the processors' time that the host of a virtual machine kept meanwhile."""
    spent: Spent
    """A task, over all turns."""

    @property
    def rate(self) -> float:
        """Tasks a second, of the middle turn."""
        return self.tasks / statistics.median(self.seconds)

    @property
    def rate_of_what_was_there(self) -> float:
        """Tasks a second, had the processors been there all the time: of the middle turn."""
        return statistics.median(self.tasks / (took * (1 - share)) for took, share in zip(self.seconds, self.stolen, strict=True))

    def tell(self, report: Report, what: str, unit: str, target: str) -> None:
        """Add rate, what the host kept, and the cost of a task."""
        report.add(f"{what} ({_told(self.tasks / took for took in self.seconds)})", f"{self.rate:.0f} {unit}", target)
        if max(self.stolen) > _LEAST_STOLEN:
            report.add(f"host kept {_told(share * 100 for share in self.stolen)} % of the processors; without that",
                       f"{self.rate_of_what_was_there:.0f} {unit}", target)  # fmt: skip
        report.add(f"{COST}, of these", str(self.spent))


class Bench:
    """One server and the packages to run on it."""

    def __init__(self, server: LiveServer, packages: Path) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.url, timeout=300)
        self.specs = {path.stem: yaml.safe_load(path.read_text()) for path in packages.glob("*.yaml")}

    def run(self, name: str, *, poll_seconds: float, **parameters: Any) -> float:
        """Submit a package; return seconds from before the request until the run's end as the server recorded it.

        Polling is slow on purpose for large packages: an answer carries the whole definition, and answering costs the run its processor.
        """
        body = {"display_name": name, "pipeline_spec": self.specs[name], "runtime_config": {"parameters": parameters}}
        begun = time.time()
        return self._wait(str(self._post("/apis/v2beta1/runs", body)["run_id"]), begun, poll_seconds)

    def spent_on(self, count: int, name: str, **parameters: Any) -> tuple[float, Spent]:
        """Run a package of `count` tasks; return its seconds, and what a task took of the processors."""
        before = Spent.until_now(self.server.pid)
        seconds = self.run(name, poll_seconds=0.4, **parameters)
        return seconds, settled(self.server.pid).since(before, count)

    def in_turns(self, count: int, run: Callable[[], float]) -> Turns:
        """Run something of `count` tasks three times."""
        before, host, seconds = Spent.until_now(self.server.pid), Host.until_now(), []
        stolen = []
        for _ in range(TURNS):
            seconds.append(run())
            now = Host.until_now()
            stolen.append(now.stolen_since(host))
            host = now
        return Turns(count, seconds, stolen, settled(self.server.pid).since(before, count * TURNS))

    def run_v1(self, package: Path) -> float:
        """Submit a workflow of kfp 1.8 by its own API; return seconds as `run` does."""
        workflow = json.dumps(yaml.safe_load(package.read_text()))
        begun = time.time()
        answer = self._post("/apis/v1beta1/runs", {"name": package.stem, "pipeline_spec": {"workflow_manifest": workflow}})
        return self._wait(str(answer["run"]["id"]), begun, 0.4)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.http.post(path, content=json.dumps(body).encode(), headers={"content-type": "application/json"})
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    def _wait(self, run_id: str, begun: float, poll_seconds: float) -> float:
        while True:
            run = self.http.get("/apis/v2beta1/runs", params={"page_size": 1, "sort_by": "created_at desc"}).json()["runs"][0]
            if run["run_id"] == run_id and run["state"] in FINAL:
                break
            time.sleep(poll_seconds)
        seconds = datetime.fromisoformat(run["finished_at"]).timestamp() - begun
        if run["state"] != "SUCCEEDED":
            raise RuntimeError(f"{run['display_name']}: {run}")
        return seconds

    def memory_mb(self, field: str = "VmRSS") -> float:
        """Return the server's memory as the kernel counts it, now or (VmHWM) at its highest."""
        for line in Path(f"/proc/{self.server.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
        raise RuntimeError(field)


def without_cache(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the spec with every task's cache switched off."""
    copy: dict[str, Any] = json.loads(json.dumps(spec))
    for component in [copy["root"], *copy["components"].values()]:
        for task in component.get("dag", {}).get("tasks", {}).values():
            task["cachingOptions"] = {}
    return copy


def measure_start(report: Report, folder: Path) -> None:
    """Time from process start to ready, second start on the same data; memory when idle."""
    with LiveServer(folder):
        pass
    begun = time.perf_counter()
    with LiveServer(folder) as server:
        report.add("ready after `penstock up`", f"{time.perf_counter() - begun:.2f} s", "2 s")
        httpx.get(f"{server.url}/healthz")
        report.add("memory when idle", f"{Bench(server, folder).memory_mb():.0f} MB", "150 MB")


def measure_tasks(report: Report, bench: Bench, python: Path, loops: list[int], v1_package: Path) -> None:
    """Throughput and latency of tasks."""
    plain = dict(bench.specs)
    bench.specs = {name: without_cache(spec) for name, spec in plain.items()}
    bench.run("one", poll_seconds=0.01)  # the environment and its warm parent exist from here on
    singles = [bench.run("one", poll_seconds=0.002) for _ in range(15)]
    report.add("one task alone, submit to done (median of 15)", f"{statistics.median(singles) * 1000:.0f} ms", "150 ms")

    wide = bench.in_turns(500, lambda: bench.run("wide", poll_seconds=0.4))
    wide.tell(report, "500 independent tasks", "tasks/s", "100 tasks/s")
    local = local_runner_seconds(python)
    report.add("kfp.local.SubprocessRunner(use_venv=False), per task", f"{local * 1000:.0f} ms")
    report.add("times faster per task than the local runner", f"{local * wide.rate:.0f}", "50")

    bench.specs["wide"] = plain["wide"]
    bench.run("wide", poll_seconds=0.05)
    seconds = min(bench.run("wide", poll_seconds=0.01) for _ in range(3))
    report.add("500 independent tasks, all from the cache", f"{500 / seconds:.0f} tasks/s", "1,000 tasks/s")

    measure_chain(report, bench, "", lambda: bench.run("chain", poll_seconds=0.4))

    def run_afresh() -> float:
        bench.specs["chain"] = {**plain["chain"], "pipelineInfo": {"name": f"chain-{time.time_ns()}"}}  # nothing to reuse under this name
        return bench.run("chain", poll_seconds=0.4)

    measure_chain(report, bench, " that the cache is asked for", run_afresh)

    bench.run_v1(v1_package)  # as above, its environment and warm parent
    steps = bench.in_turns(500, lambda: bench.run_v1(v1_package))
    steps.tell(report, "kfp 1.8: 500 independent steps with an output each", "steps/s", "100 steps/s")

    measure_growth(report, bench, loops)
    report.add("highest memory of the server", f"{bench.memory_mb('VmHWM'):.0f} MB", "400 MB")


def measure_chain(report: Report, bench: Bench, which: str, run: Callable[[], float]) -> None:
    """Time and cost of a task that waits for the one before."""
    chain = bench.in_turns(200, run)
    each = _told(took / 200 * 1000 for took in chain.seconds)
    report.add(f"chain of 200 tasks{which}, per task ({each})", f"{1000 / chain.rate:.1f} ms", "15 ms")
    report.add(f"{COST}, in the chain", str(chain.spent))


def measure_growth(report: Report, bench: Bench, loops: list[int]) -> None:
    """Rates and costs of loops of growing size."""
    rates, costs = [], []
    for count in loops:
        seconds, spent = bench.spent_on(count, "loop", items=list(range(count)))
        rates.append(count / seconds)
        costs.append(spent.whole)
        report.add(f"ParallelFor of {count:,}", f"{count / seconds:.0f} tasks/s")
        report.add(f"{COST}, of {count:,}", str(spent))
    if len(rates) > 1:
        report.add(f"rate of {loops[-1]:,} against {loops[-2]:,}", f"{rates[-1] / rates[-2]:.0%}", "80 %")
        report.add("the same by processor time", f"{costs[-2] / costs[-1]:.0%}", "80 %")


def _told(figures: Iterable[float]) -> str:
    return ", ".join(f"{figure:.0f}" for figure in figures)


def local_runner_seconds(python: Path) -> float:
    """Return what a task costs in kfp's own local runner, which uses the interpreter and pip on PATH."""
    environment = client_environment(PATH=f"{python.parent}:{os.environ['PATH']}")
    command = [str(python), str(HERE / "local_runner.py"), "8"]
    with tempfile.TemporaryDirectory() as folder:  # it leaves its outputs where it runs
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=folder)
    return float(done.stdout.split()[-1])


def measure_lists(report: Report, folder: Path) -> None:
    """First page of GET /runs with few and with many runs, by turns, so that both meet the same machine."""
    counts = (100, 100_000)
    for count in counts:
        with LiveServer(folder / str(count)):
            pass
        _fill(folder / str(count) / "penstock.db", count)
    with LiveServer(folder / "100") as few, LiveServer(folder / "100000") as many:
        for version, (path, query) in PAGES.items():
            small, large = _times_by_turns((few, many), path, query)
            for count, seconds in zip(counts, (small, large), strict=True):
                report.add(f"GET /runs, {version}, first page of {count:,} runs", f"{seconds * 1000:.1f} ms")
            report.add(f"ratio of the two, {version}", f"{large / small:.2f}", "2")


def _times_by_turns(servers: tuple[LiveServer, ...], path: str, query: dict[str, Any]) -> list[float]:
    """Return the median seconds that each server needs for a page of 20."""
    times: list[list[float]] = [[] for _ in servers]
    with httpx.Client(timeout=60) as http:
        for _ in range(200):
            for server, own in zip(servers, times, strict=True):
                begun = time.perf_counter()
                answer = http.get(f"{server.url}{path}", params=query)
                own.append(time.perf_counter() - begun)
                if len(answer.json()["runs"]) != 20:
                    raise RuntimeError(answer.text)
    return [statistics.median(own) for own in times]


def _fill(database: Path, count: int) -> None:
    """Insert finished runs directly; their tasks do not matter for the list."""
    connection = sqlite3.connect(database)
    experiment = connection.execute("SELECT experiment_id FROM experiment LIMIT 1").fetchone()
    rows = (
        (f"{index:08d}-0000-4000-8000-000000000000", f"run {index}", experiment[0] if experiment else "", 1.7e9 + index)
        for index in range(count)
    )  # fmt: skip
    connection.executemany(
        "INSERT INTO run (run_id, kind, name, experiment_id, resource_name, pipeline_name, state, created_at, scheduled_at, finished_at,"
        " parameters) SELECT ?1, 'kfp', ?2, ?3, ?1, 'bench', 'SUCCEEDED', ?4, ?4, ?4 + 60, '{\"x\": 1}'",
        rows,
    )
    connection.commit()
    connection.close()


def main() -> None:
    """Run everything; `--quick` leaves out the loop of 10,000 and the lists, and `--lists` all but the lists; neither writes the page."""
    quick = "--quick" in sys.argv
    report = Report("main_job")
    if "--lists" in sys.argv:
        with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
            measure_lists(report, Path(name))
        return
    python = client_python(KFP_NEWEST, "pip")  # the local runner calls pip
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        folder = Path(name)
        packages = folder / "packages"
        packages.mkdir()
        subprocess.run([str(python), str(HERE / "pipelines.py"), str(packages)], check=True, env=client_environment())
        v1_packages = folder / "v1"
        v1_packages.mkdir()
        v1_python = client_python(KFP_V1, "setuptools<81")
        subprocess.run([str(v1_python), str(HERE / "pipelines_v1.py"), str(v1_packages)], check=True, env=client_environment())
        measure_start(report, folder / "start")
        with LiveServer(folder / "tasks") as server:
            measure_tasks(report, Bench(server, packages), python, [10, 1000] if quick else [10, 1000, 10_000], v1_packages / "fan_v1.yaml")
        if not quick:
            measure_lists(report, folder / "lists")
    if not quick:
        report.save()


if __name__ == "__main__":
    main()
