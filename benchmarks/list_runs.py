"""First page of `GET /runs` with 100 and with 100,000 runs in the database, through the whole adapter.

Run: `.venv/bin/python -m benchmarks.list_runs [runs]`. Prints the median of each and their ratio; the goal is a ratio under 2.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.kfp_api import BASE, KfpApi, pipeline_spec

from penstock.domain.ids import ExperimentId
from penstock.stores.sql.database import Transaction

ROUNDS = 60
QUERIES = {
    "default": {},
    "newest first": {"sort_by": "created_at desc", "page_size": "20"},
    "available only": {
        "sort_by": "created_at desc",
        "filter": '{"predicates":[{"operation":"EQUALS","key":"storage_state","stringValue":"AVAILABLE"}]}',
    },
    "of an experiment": {"sort_by": "created_at desc", "experiment_id": "EXPERIMENT"},
}


async def measure(count: int, folder: Path) -> dict[str, float]:
    """Return the median milliseconds of each query with `count` runs."""
    api = await KfpApi(folder).start()
    experiment = (await api.services.experiments.default()).experiment_id
    body = {"display_name": "r", "pipeline_spec": pipeline_spec(), "runtime_config": {"parameters": {"text": "x"}}}
    first = await api.call("POST", "/runs", body)
    await api.ended(first["run_id"])
    await api.database.write(lambda tx: fill(tx, count, experiment))
    found = {}
    for name, params in QUERIES.items():
        query = {key: value.replace("EXPERIMENT", experiment) for key, value in params.items()}
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            answer = await api.http.get(f"{BASE}/runs", params=query)
            times.append((time.perf_counter() - start) * 1000)
        assert answer.json()["total_size"] == count, answer.text[:500]  # a wrong total would make the measurement worthless
        found[name] = statistics.median(times)
    await api.stop()
    return found


def fill(tx: Transaction, count: int, experiment: ExperimentId) -> None:
    """Copy the one run until there are `count`."""
    row = tx.one("SELECT * FROM run")
    assert row is not None
    columns = list(row.keys())
    rows = []
    for number in range(count - 1):
        values = {name: row[name] for name in columns}
        values |= {"run_id": f"{number:08d}-copy", "created_at": row["created_at"] + number % 977, "name": f"run {number}"}
        rows.append([values[name] for name in columns])
    tx.many(f"INSERT INTO run ({', '.join(columns)}) VALUES ({', '.join('?' for _ in columns)})", rows)


async def main() -> None:
    """Measure and print."""
    large = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        few = await measure(100, Path(name) / "few")
        many = await measure(large, Path(name) / "many")
    for query in QUERIES:
        print(f"{query:18} 100 runs {few[query]:6.2f} ms   {large:,} runs {many[query]:6.2f} ms   ratio {many[query] / few[query]:.2f}")
    print(json.dumps({"runs": large, "ratios": {query: round(many[query] / few[query], 2) for query in QUERIES}}))


if __name__ == "__main__":
    asyncio.run(main())
