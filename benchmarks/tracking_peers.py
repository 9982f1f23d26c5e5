"""The same scalars through the own clients of Penstock (wandb), MLflow, trackio and Aim, side by side in one run.

Run: `.venv/bin/python -m benchmarks.tracking_peers [--rows 5000]`. Each peer is installed into an environment of its own and used as its
documentation says for many scalars: MLflow with batches of 1,000 metrics to its server, trackio to its local server, Aim into a local
repository (it has no server to wait for). A peer that cannot be installed is left out. A figure counts from the first row to the
moment at which the client says that everything is there; each program then reads back how many rows there are. Where the clients are the
limit, the processor time that a server spends on a scalar says how many it could take; trackio and Aim write within the client.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.support.clients import client_environment, client_python
from tests.support.server import LiveServer

from benchmarks.processor import tree_seconds
from benchmarks.tracking_ingest import row

_PROLOGUE = """
import json, os, resource, sys, time
rows = json.load(open(os.environ["ROWS"]))
"""
_EPILOGUE = """
used = resource.getrusage(resource.RUSAGE_SELF)
print("RESULT " + json.dumps({"seconds": seconds, "read": read, "cpu": used.ru_utime + used.ru_stime}))
"""
_PROGRAMS = {
    "penstock": """
import wandb
run = wandb.init(project="peers")
begin = time.perf_counter()
for values in rows:
    run.log(values)
run.finish()
seconds = time.perf_counter() - begin
read = sum(1 for _ in wandb.Api().run(f"{run.entity}/peers/{run.id}").scan_history())
""",
    "mlflow": """
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient
client = MlflowClient()
run_id = client.create_run(client.create_experiment("peers")).info.run_id
begin = time.perf_counter()
batch = []
for step, values in enumerate(rows):
    batch += [Metric(name, value, int(time.time() * 1000), step) for name, value in values.items()]
    if len(batch) > 990:
        client.log_batch(run_id, metrics=batch)
        batch = []
if batch:
    client.log_batch(run_id, metrics=batch)
seconds = time.perf_counter() - begin
read = len(client.get_metric_history(run_id, "loss"))
""",
    "trackio": """
import trackio
run = trackio.init(project="peers", embed=False)
begin = time.perf_counter()
for values in rows:
    trackio.log(values)
trackio.finish()
seconds = time.perf_counter() - begin
from trackio.sqlite_storage import SQLiteStorage
read = len(SQLiteStorage.get_logs("peers", run.name))
""",
    "aim": """
from aim import Run
run = Run(repo=".", system_tracking_interval=None, capture_terminal_logs=False)
begin = time.perf_counter()
for step, values in enumerate(rows):
    for name, value in values.items():
        run.track(value, name=name, step=step)
run.close()
seconds = time.perf_counter() - begin
from aim import Repo
read = max(len(metric.values.sparse_list()[0]) for metric in Repo(".").query_metrics('metric.name == "loss"').iter())
""",
}
_REQUIREMENTS = {"penstock": ("wandb==0.31.0",), "mlflow": ("mlflow",), "trackio": ("trackio",), "aim": ("aim",)}


def measure(name: str, rows: Path, folder: Path) -> dict[str, float] | None:
    """Return what one program says about itself, or None when it cannot be installed or does not work."""
    try:
        python = client_python(*_REQUIREMENTS[name])
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"{name}: not installed: {str(error)[:200]}")
        return None
    folder.mkdir()
    with _server(name, python, folder) as (variables, server):
        before = tree_seconds(server) if server else 0.0
        environment = {**client_environment(**variables), "ROWS": str(rows), "HOME": str(folder)}
        done = subprocess.run(
            [str(python), "-c", _PROLOGUE + _PROGRAMS[name] + _EPILOGUE], cwd=folder, env=environment, capture_output=True, text=True,
            timeout=1800, check=False,
        )  # fmt: skip
        spent = tree_seconds(server) - before if server else None
    found = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not found:
        print(f"{name}: did not work: {done.stderr.strip()[-500:]}")
        return None
    result: dict[str, float] = json.loads(found[0])
    return result if spent is None else {**result, "server": spent}


@contextmanager
def _server(name: str, python: Path, folder: Path) -> Iterator[tuple[dict[str, str], int | None]]:
    """Run the peer's server, if it has one that is separate; yield the variables by which its client finds it, and its pid."""
    if name == "penstock":
        with LiveServer(folder / "data") as server:
            yield {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": server.key, "WANDB_SILENT": "true"}, server.pid
    elif name == "mlflow":
        port = str(random.Random(os.getpid()).randint(20_000, 40_000))
        words = ["server", "--backend-store-uri", f"sqlite:///{folder}/m.db", "--port", port, "--workers", "1"]
        process = subprocess.Popen(
            [str(python), "-m", "mlflow", *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env=client_environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"),  # its background jobs have no part in this
        )  # fmt: skip
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/health")
            yield {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}, process.pid
        finally:
            os.killpg(process.pid, 9)
            process.wait()
    elif name == "aim":
        subprocess.run([str(python.parent / "aim"), "init"], cwd=folder, capture_output=True, check=False, env={"HOME": str(folder)})
        yield {}, None
    else:
        yield {"TRACKIO_DIR": str(folder)}, None


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise TimeoutError(url)


def main() -> None:
    """Measure every peer in turn and print figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--only", nargs="*", choices=sorted(_PROGRAMS), default=list(_PROGRAMS))
    options = parser.parse_args()
    noise = random.Random(5)
    rows = [{name: value for name, value in json.loads(row(step, noise)).items() if name[0] != "_"} for step in range(options.rows)]
    scalars = sum(map(len, rows))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rows.json")
        file.write_text(json.dumps(rows))
        found = {name: measure(name, file, Path(folder, name)) for name in options.only}
    print(f"{options.rows:,} rows, {scalars:,} scalars, load average {os.getloadavg()[0]:.0f} on {os.cpu_count()} CPUs")
    own = found.get("penstock")
    for name, result in found.items():
        if result is not None:
            print(_line(name, result, scalars, None if own is None or name == "penstock" else own["seconds"]))


def _line(name: str, result: dict[str, float], scalars: int, own_seconds: float | None) -> str:
    ratio = "" if own_seconds is None else f", penstock is {result['seconds'] / own_seconds:.1f} times as fast"
    server = f"server {result['server'] / scalars * 1e6:.1f} us, " if "server" in result else ""
    return (
        f"{name}: {scalars / result['seconds']:,.0f} scalars/s, client {result['cpu'] / scalars * 1e6:.0f} us of CPU a scalar, {server}"
        f"{result['read']:,.0f} rows read back{ratio}"
    )


if __name__ == "__main__":
    main()
