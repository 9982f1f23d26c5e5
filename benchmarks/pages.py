"""List pages over many runs: `python -m benchmarks.pages [RUNS] [--database URL]` (default 1,000,000; budget: 400 ms for a first page).

Generates a database (SQLite in a temporary folder, or at URL; one there that has runs is measured as it is), then measures the read
models: time, processor time of this process (with SQLite the whole work, with PostgreSQL only our part), and the number of statements.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from penstock.interfaces.pages import Condition, ListQuery
from penstock.interfaces.run_tables import TASK_GROUPINGS
from penstock.stores.sql.database import Database, Transaction, open_database
from penstock.stores.sql.pages_artifacts import SqlArtifactPages
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.stores.sql.pages_run_tables import SqlRunTables
from penstock.stores.sql.pages_runs import SqlRunPages

NOW = 1_800_000_000.0
_COLUMNS = (
    "run_id, kind, name, experiment_id, pipeline_name, parameters, state, created_at, scheduled_at, started_at, finished_at, "
    "task_count, done_count, cached_count"
)

_TASK_COLUMNS = (
    "task_id, run_id, execution_id, path, task_key, display_name, type, component, position, state, created_at, started_at, "
    "finished_at, is_cached, inputs, outputs, worker, code_digest"
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


def fill(tx: Transaction, batch: Sequence[tuple[object, ...]]) -> None:
    """Insert runs, each with a metric, a parameter and one task."""
    tx.many(f"INSERT INTO run ({_COLUMNS}) VALUES ({', '.join('?' * 14)})", batch)
    tx.many(
        "INSERT INTO run_metric (run_id, task_id, name, number) VALUES (?, ?, 'accuracy', ?)",
        [(row[0], f"{row[0]}-task", (index * 7919 % 1000) / 1000) for index, row in enumerate(batch)],
    )
    rates = [(row[0], index % 7) for index, row in enumerate(batch)]
    tx.many("INSERT INTO run_parameter (run_id, name, number) VALUES (?, 'lr', ?)", rates)
    tx.many(f"INSERT INTO task ({_TASK_COLUMNS}) VALUES ({', '.join('?' * 18)})", [task_of(row) for row in batch])


def task_of(run: Sequence[Any]) -> tuple[object, ...]:
    """The task of a run: one component per pipeline, whose code changes some ten times, on three machines."""
    (run_id, _, _, _, pipeline, parameters, state, created, _, started, finished, _, _, cached) = run
    component, number = f"comp-{pipeline}", int(run_id[:12], 16)
    code = hashlib.sha256(f"{component} {int(created) // 3_000_000}".encode()).hexdigest()
    values = json.dumps({"parameters": json.loads(parameters), "artifacts": {"model": [number]}})
    return (
        f"{run_id}-task", run_id, number, "root/train", "train", "train", "RUNTIME", component, 1, state, created, started, finished,
        int(cached == 1), values, values, f"machine-{number % 3}", code,
    )  # fmt: skip


def batched(items: Iterator[tuple[object, ...]], size: int) -> Iterator[list[tuple[object, ...]]]:
    """Lists of at most `size` items."""
    while batch := list(islice(items, size)):
        yield batch


class Counter:
    """Counts the statements that page queries run."""

    def __init__(self, database: Database) -> None:
        self.statements = 0
        self._real = database.read_sync
        database.read_sync = self._read  # type: ignore[method-assign]

    def _read(self, work: Callable[[Any], Any]) -> Any:
        def counted(tx: Any) -> Any:
            counter = self

            class Counted:
                dialect = tx.dialect

                def all(self, sql: str, params: Any = ()) -> Any:
                    counter.statements += 1
                    return tx.all(sql, params)

                def one(self, sql: str, params: Any = ()) -> Any:
                    counter.statements += 1
                    return tx.one(sql, params)

            return work(Counted())

        return self._real(counted)


async def measure(counter: Counter, name: str, work: Callable[[], Awaitable[object]], repeats: int = 5) -> None:
    """Print the median time of `work`, its processor time, and how many statements it takes."""
    times, cpu = [], []
    for _ in range(repeats):
        counter.statements = 0
        start, start_cpu = time.perf_counter(), time.process_time()
        await work()
        times.append((time.perf_counter() - start) * 1000)
        cpu.append((time.process_time() - start_cpu) * 1000)
    sys.stdout.write(f"| {name} | {statistics.median(times):.1f} ms | {statistics.median(cpu):.1f} ms | {counter.statements} |\n")
    sys.stdout.flush()


@asynccontextmanager
async def storing(database: Database, what: str) -> AsyncIterator[None]:
    """Give SQLite's writer much memory meanwhile, and print how long it took to store `what`."""
    is_sqlite = database.dialect.name == "sqlite"
    if is_sqlite:
        # Ids are random, so every batch touches every page of the indexes: with the writer's usual memory filling takes hours.
        await database.write(lambda tx: tx.all("PRAGMA cache_size=-2000000"))
    start = time.perf_counter()
    yield
    if is_sqlite:
        await database.write(lambda tx: tx.all("PRAGMA cache_size=-8000"))
    sys.stdout.write(f"{what} stored in {time.perf_counter() - start:.0f} s\n")


async def fill_all(database: Database, count: int) -> None:
    """Store `count` runs."""
    async with storing(database, f"{count:,} runs"):
        for batch in batched(rows(count), 20_000):
            await database.write(partial(fill, batch=batch))


async def main(count: int, url: str) -> None:
    """Fill what is empty, then measure."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(url or f"sqlite:///{Path(folder) / 'bench.db'}", synchronous="OFF")
        if await database.read(lambda tx: tx.one("SELECT 1 FROM run LIMIT 1")) is None:
            await fill_all(database, count)
        pages, tables, home, artifacts = SqlRunPages(database), SqlRunTables(database), SqlHomePages(database), SqlArtifactPages(database)
        counter = Counter(database)

        def listing(**query: object) -> Callable[[], Awaitable[object]]:
            return lambda: pages.list_runs(ListQuery(now=NOW, **query))  # type: ignore[arg-type]

        def tasks(**query: object) -> Callable[[], Awaitable[object]]:
            return lambda: pages.list_tasks(ListQuery(now=NOW, **query))  # type: ignore[arg-type]

        first = await pages.list_runs(ListQuery(now=NOW))
        code = (await pages.list_tasks(ListQuery(now=NOW, limit=1))).items[0].code_digest
        failed = Condition("status", ":", "failed")
        cases: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("first page, newest first", listing()),
            ("second page", listing(cursor=first.next_cursor)),
            ("sorted by name", listing(sort="name", is_descending=False)),
            ("sorted by duration", listing(sort="duration")),
            ("sorted by state", listing(sort="state")),
            ("the newest 8,000 sorted by pipeline", listing(sort="pipeline")),
            ("the newest 8,000 sorted by experiment, failed ones", listing(sort="experiment", conditions=(failed,))),
            ("the newest 8,000 sorted by a tag", listing(sort="tag.team")),
            ("sorted by a metric", listing(sort="metric.accuracy")),
            ("sorted by a parameter, failed ones", listing(sort="param.lr", conditions=(failed,))),
            ("`status:failed`", listing(conditions=(failed,))),
            ("`status:failed`, sorted by duration", listing(conditions=(failed,), sort="duration")),
            ("`pipeline:pipeline-7`", listing(conditions=(Condition("pipeline", ":", "pipeline-7"),))),
            ("a word that every name holds", listing(words=("nightly",))),
            ("a word that one name holds", listing(words=("999983",))),
            ("a word that no name holds", listing(words=("unheard",))),
            ("a word that one name holds, sorted by duration", listing(words=("999983",), sort="duration")),
            ("`accuracy>0.998` (rare)", listing(conditions=(Condition("accuracy", ">", "0.998"),))),
            ("`accuracy>0.5` (half)", listing(conditions=(Condition("accuracy", ">", "0.5"),))),
            ("of one experiment", listing(scope={"experiment_id": "exp-3"})),
            ("groups by pipeline", lambda: tables.groups(ListQuery(now=NOW), "pipeline", ["accuracy"])),
            ("picture of durations", lambda: tables.points(ListQuery(now=NOW))),
            ("executions", tasks()),
            ("executions, sorted by duration", tasks(sort="duration")),
            ("executions, the newest 8,000 sorted by component", tasks(sort="component")),
            ("executions, the newest 8,000 sorted by run", tasks(sort="run")),
            ("executions, `status:failed`", tasks(conditions=(failed,))),
            ("executions, `status:failed`, the newest 8,000 sorted by name", tasks(sort="name", conditions=(failed,))),
            ("executions, `status:failed`, the newest 8,000 sorted by path", tasks(sort="path", conditions=(failed,))),
            ("executions, `status:failed`, the newest 8,000 sorted by run", tasks(sort="run", conditions=(failed,))),
            ("executions, `status:failed`, the newest 8,000 sorted by why", tasks(sort="why", conditions=(failed,))),
            ("executions, sorted by a metric", tasks(sort="metric.accuracy")),
            ("executions, `status:failed`, the newest 8,000 sorted by a metric", tasks(sort="metric.accuracy", conditions=(failed,))),
            ("executions, `metric.accuracy>0.5` (half)", tasks(conditions=(Condition("metric.accuracy", ">", "0.5"),))),
            ("executions, the newest 8,000 sorted by an input", tasks(sort="in.lr")),
            ("executions, `in.lr>3`", tasks(conditions=(Condition("in.lr", ">", "3"),))),
            ("executions, `in.lr>3` and failed, sorted by it", tasks(sort="in.lr", conditions=(Condition("in.lr", ">", "3"), failed))),
            ("executions, `status:canceled` (none)", tasks(conditions=(Condition("status", ":", "canceled"),))),
            ("executions of a component", tasks(conditions=(Condition("component", "=", "comp-pipeline-7"),))),
            ("executions on a machine", tasks(conditions=(Condition("worker", "=", "machine-2"),))),
            ("executions on no machine", tasks(conditions=(Condition("worker", "=", "elsewhere"),))),
            ("executions of one code", tasks(conditions=(Condition("code", "=", code),))),
            ("executions of a pipeline", tasks(conditions=(Condition("pipeline", ":", "pipeline-7"),))),
            ("executions, a word that one run's name holds", tasks(words=("999983",))),
            ("executions, a word that no name holds", tasks(words=("unheard",))),
            *((f"executions, groups by {by}", partial(tables.task_groups, ListQuery(now=NOW), by)) for by in TASK_GROUPINGS),
            ("executions, groups of the failed by code", lambda: tables.task_groups(ListQuery(now=NOW, conditions=(failed,)), "code")),
            ("home", lambda: home.home(NOW)),
            ("search for a name", lambda: home.search("999983")),
            ("names of metrics", pages.metric_names),
            ("artifacts", lambda: artifacts.list_artifacts(ListQuery(now=NOW))),
        ]
        sys.stdout.write("| List | Time | Processor time | Statements |\n|---|---|---|---|\n")
        for name, work in cases:
            await measure(counter, name, work)
        database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--database", default="", help="sqlite:///PATH or postgresql://...")
    options = parser.parse_args()
    asyncio.run(main(options.runs, options.database))
