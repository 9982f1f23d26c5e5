"""Server time of list pages over many runs: `python -m benchmarks.pages [RUNS]` (default 1,000,000; budget: 400 ms for a first page).

Generates a SQLite database in a temporary folder, then measures the read models directly and the whole page in process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from pathlib import Path

from penstock.interfaces.pages import Condition, ListQuery
from penstock.stores.sql.database import open_database
from penstock.stores.sql.pages_artifacts import SqlArtifactPages
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.stores.sql.pages_runs import SqlRunPages

NOW = 1_800_000_000.0
_COLUMNS = (
    "run_id, kind, name, experiment_id, pipeline_name, parameters, state, created_at, scheduled_at, started_at, finished_at, "
    "task_count, done_count, cached_count"
)


def rows(count: int) -> Iterator[tuple[object, ...]]:
    """Runs spread over a year, one in twenty failed."""
    rng = random.Random(7)
    for number in range(count):
        created = NOW - 31_536_000 * (count - number) / count
        state = "FAILED" if number % 20 == 0 else "SUCCEEDED"
        pipeline = f"pipeline-{number % 40}"
        yield (
            f"{rng.getrandbits(128):032x}", "kfp", f"{pipeline} nightly {number}", f"exp-{number % 25}", pipeline,
            json.dumps({"lr": number % 7}), state, created, created, created + 1, created + 60 + number % 600, 8, 8, number % 3,
        )  # fmt: skip


def fill(path: Path, count: int) -> None:
    """Insert the runs and one metric each, straight into the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous=OFF")
        for batch in batched(rows(count), 20_000):
            connection.executemany(f"INSERT INTO run ({_COLUMNS}) VALUES ({', '.join('?' * 14)})", batch)
            connection.executemany(
                "INSERT INTO run_metric (run_id, task_id, name, number) VALUES (?, 't', 'accuracy', ?)",
                [(row[0], (index * 7919 % 1000) / 1000) for index, row in enumerate(batch)],
            )


def batched(items: Iterator[tuple[object, ...]], size: int) -> Iterator[list[tuple[object, ...]]]:
    """Lists of at most `size` items."""
    while batch := list(islice(items, size)):
        yield batch


async def measure(name: str, work: Callable[[], Awaitable[object]], repeats: int = 5) -> None:
    """Print the median time of `work`."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        await work()
        times.append((time.perf_counter() - start) * 1000)
    sys.stdout.write(f"{name:44} {statistics.median(times):8.1f} ms (worst {max(times):.1f})\n")


async def main(count: int) -> None:
    """Fill, then measure."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        open_database(f"sqlite:///{path}", synchronous="NORMAL").close()
        start = time.perf_counter()
        fill(path, count)
        database = open_database(f"sqlite:///{path}", synchronous="NORMAL")
        sys.stdout.write(f"{count:,} runs stored in {time.perf_counter() - start:.0f} s\n")
        pages, home, artifacts = SqlRunPages(database), SqlHomePages(database), SqlArtifactPages(database)

        def listing(**query: object) -> Callable[[], Awaitable[object]]:
            return lambda: pages.list_runs(ListQuery(now=NOW, **query))  # type: ignore[arg-type]

        first = await pages.list_runs(ListQuery(now=NOW))
        await measure("first page, newest first", listing())
        await measure("second page", listing(cursor=first.next_cursor))
        await measure("sorted by name", listing(sort="name", is_descending=False))
        await measure("sorted by duration", listing(sort="duration"))
        await measure("sorted by state", listing(sort="state"))
        await measure("status:failed", listing(conditions=(Condition("status", ":", "failed"),)))
        await measure("pipeline:pipeline-7", listing(conditions=(Condition("pipeline", ":", "pipeline-7"),)))
        await measure("one word that many names hold", listing(words=("nightly",)))
        await measure("one word that one name holds", listing(words=("999983",)))
        await measure("accuracy>0.999 (rare)", listing(conditions=(Condition("accuracy", ">", "0.998"),)))
        await measure("accuracy>0.5 (half)", listing(conditions=(Condition("accuracy", ">", "0.5"),)))
        await measure("lr=3 in one experiment", listing(scope={"experiment_id": "exp-3"}))
        await measure("home", lambda: home.home(NOW))
        await measure("search", lambda: home.search("999983"))
        await measure("metric names", pages.metric_names)
        await measure("artifacts", lambda: artifacts.list_artifacts(ListQuery(now=NOW)))
        database.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
