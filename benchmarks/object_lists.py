"""Lists of everything but runs and executions: `python -m benchmarks.object_lists [OBJECTS] [--database URL]` (default 1,000,000).

OBJECTS artifacts of pipelines, runs of flows and tracked runs (in 1,000 projects), a tenth as many experiments, pipelines, recurring runs
and versions of artifacts (ten to a collection). Generated and measured as `benchmarks.pages` does; the budget is 400 ms for a first page.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from benchmarks.pages import NOW, Counter, batched, measure, storing
from penstock.interfaces.page_flows import FlowQuery
from penstock.interfaces.pages import Condition, ListQuery
from penstock.stores.sql.database import Database, Transaction, open_database
from penstock.stores.sql.pages_artifacts import SqlArtifactPages
from penstock.stores.sql.pages_catalog import SqlCatalogPages
from penstock.stores.sql.pages_flows import SqlFlowPages
from penstock.stores.sql.pages_tracking import SqlTrackingPages

YEAR = 31_536_000
PROJECTS = 1_000
TABLES = {
    "artifact": "artifact_id, run_id, name, type, uri, size_bytes, created_at",
    "run": "run_id, kind, name, pipeline_name, state, created_at, scheduled_at, started_at, finished_at, task_count, done_count",
    "flow_run": "run_number, flow_id, user_name, ts_epoch, tags, system_tags",
    "tracked_project": "project_id, entity, name, created_at, updated_at",
    "tracked_run": "run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at",
    "experiment": "experiment_id, name, created_at",
    "spec": "digest, kind, name, content, created_at",
    "pipeline": "pipeline_id, name, display_name, created_at",
    "pipeline_version": "pipeline_version_id, pipeline_id, name, display_name, spec_digest, created_at",
    "recurring_run": "recurring_run_id, display_name, experiment_id, pipeline_id, spec_digest, max_concurrency, trigger_spec, is_enabled,"
    " created_at, updated_at",
    "collection": "collection_id, project_id, name, kind, type_name, next_index, created_at, updated_at",
    "artifact_version": "version_id, collection_id, project_id, state, digest, version_index, size_bytes, created_at, updated_at",
    "membership": "membership_id, collection_id, version_id, version_index, created_at",
    "membership_alias": "collection_id, alias, version_id, created_at",
}  # fmt: skip
"""What is written, in the order in which it is: the columns of each table."""


ROWS: Mapping[str, Callable[[int, float], tuple[object, ...]]] = {
    "artifact": lambda n, at: (
        n, f"Flow{n % 40}/{n}", f"model-{n % 50}", ("system.Model", "system.Dataset")[n % 2], f"penstock://b/{n}", n, at,
    ),
    "run": lambda n, at: (
        f"Flow{n % 40}/{n}", "flow", f"Flow{n % 40}/{n}", f"Flow{n % 40}", ("FAILED", "SUCCEEDED")[bool(n % 20)], at, at, at, at + 60, 4, 4,
    ),
    "flow_run": lambda n, at: (n, f"Flow{n % 40}", f"user-{n % 25}", int(at * 1000), f'["night-{n % 7}"]', '["runtime:dev"]'),
    "tracked_project": lambda n, at: (n, f"team-{n % 10}", f"project-{n}", at, at),
    "tracked_run": lambda n, at: (n, n % PROJECTS, f"id{n}", f"run-{n}", "finished" if n % 20 else "failed", at, at, at),
    "experiment": lambda n, at: (f"experiment-{n}", f"try {n}", at),
    "spec": lambda n, at: ("sha256:0", "kfp", "none", "{}", at),
    "pipeline": lambda n, at: (f"pipeline-{n}", f"train-{n}", f"Train {n}", at),
    "pipeline_version": lambda n, at: (f"version-{n}", f"pipeline-{n}", f"v{n}", f"v{n}", "sha256:0", at),
    "recurring_run": lambda n, at: (
        f"recurring-{n}", f"nightly {n}", f"experiment-{n}", f"pipeline-{n}", "sha256:0", 1,
        '{"periodic_schedule": {"interval_second": "3600"}}', n % 2, at, at,
    ),
    "collection": lambda n, at: (n + 1, n % PROJECTS, f"weights-{n}", "sequence", ("model", "dataset")[n % 2], 10, at, at),
    "artifact_version": lambda n, at: (n + 1, n // 10 + 1, n // 10 % PROJECTS, "COMMITTED", f"{n:032x}", n % 10, n, at, at),
    "membership": lambda n, at: (n + 1, n // 10 + 1, n + 1, n % 10, at),
    "membership_alias": lambda n, at: (n + 1, "latest", n * 10 + 10, at),
}  # fmt: skip
"""The row of a number and a time, by table."""
FEWER = {"tracked_project": lambda count: PROJECTS, "spec": lambda count: 1} | dict.fromkeys(
    ("collection", "membership_alias"), lambda count: count // 100
)
MANY = {"artifact", "run", "flow_run", "tracked_run"}


def rows(table: str, count: int) -> Iterator[tuple[object, ...]]:
    """The rows of a table, spread over a year."""
    size = FEWER[table](count) if table in FEWER else count if table in MANY else count // 10
    return (ROWS[table](number, NOW - YEAR * (size - number) / size) for number in range(size))


def insert(tx: Transaction, table: str, batch: list[tuple[object, ...]]) -> None:
    """Insert rows of a table."""
    tx.many(f"INSERT INTO {table} ({TABLES[table]}) VALUES ({', '.join('?' * len(batch[0]))})", batch)


async def fill(database: Database, count: int) -> None:
    """Store all tables."""
    async with storing(database, f"{count:,} of each"):
        for table in TABLES:
            for batch in batched(rows(table, count), 20_000):
                await database.write(partial(insert, table=table, batch=batch))


async def main(count: int, url: str) -> None:
    """Fill what is empty, then measure."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(url or f"sqlite:///{Path(folder) / 'bench.db'}", synchronous="OFF")
        if await database.read(lambda tx: tx.one("SELECT 1 FROM artifact LIMIT 1")) is None:
            await fill(database, count)
        catalog, flows = SqlCatalogPages(database), SqlFlowPages(database)
        artifacts, tracking = SqlArtifactPages(database), SqlTrackingPages(database)
        counter = Counter(database)
        now = ListQuery(now=NOW)
        by_name = ListQuery(now=NOW, sort="name", is_descending=False)
        rare = ListQuery(now=NOW, words=(str(count // 10 - 17),))
        cases: list[tuple[str, Callable[[], Awaitable[object]]]] = []
        for kind, listing in (
            ("artifacts", artifacts.list_artifacts),
            ("experiments", catalog.list_experiments),
            ("pipelines", catalog.list_pipelines),
            ("recurring runs", catalog.list_recurring),
        ):
            cases += [
                (f"{kind}, newest first", partial(listing, now)),
                (f"{kind}, by name", partial(listing, by_name)),
                (f"{kind}, a word that one has", partial(listing, rare)),
            ]
        cases += [
            ("artifacts of a type", partial(artifacts.list_artifacts, ListQuery(now=NOW, conditions=(Condition("type", ":", "Model"),)))),
            ("flows, newest first", partial(flows.runs, FlowQuery())),
            ("flows, a page far down", partial(flows.runs, FlowQuery(offset=5_000))),
            ("flows that failed", partial(flows.runs, FlowQuery(status="failed"))),
            ("flows of one user", partial(flows.runs, FlowQuery(user="user-7"))),
            ("flows of one name", partial(flows.runs, FlowQuery(flow_id="Flow7"))),
            ("flows with a tag", partial(flows.runs, FlowQuery(tags=("night-3",)))),
            ("flows, a word that one has", partial(flows.runs, FlowQuery(text=f"/{count - 17}"))),
            ("projects", tracking.projects),
            ("collections of all projects", tracking.all_collections),
            ("collections of a project", partial(tracking.collections, 7)),  # type: ignore[arg-type]
            ("versions of a collection", partial(tracking.versions, 7)),
        ]
        sys.stdout.write("| List | Time | Processor time | Statements |\n|---|---|---|---|\n")
        for name, work in cases:
            await measure(counter, name, work, repeats=3)
        database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objects", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--database", default="", help="sqlite:///PATH or postgresql://...")
    options = parser.parse_args()
    asyncio.run(main(options.objects, options.database))
