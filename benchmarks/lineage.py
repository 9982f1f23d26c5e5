"""Server time of a lineage query over some 5,000 nodes at depth 3: `.venv/bin/python -m benchmarks.lineage`. Budget: below a second."""

from __future__ import annotations

import asyncio
import tempfile
import time

from penstock.api.lineage.wire import graph_to_wire
from penstock.lineage.service import LineageService
from penstock.stores.sql.database import Database, Transaction, open_database
from penstock.stores.sql.lineage import SqlLineageStore

WIDTH = 1700
_TASK = (
    "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, component, state, created_at)"
    " VALUES (?, 'r', ?, 'p', 'k', 'work', 'RUNTIME', ?, 'SUCCEEDED', 2.0)"
)
_USE = "INSERT INTO artifact_use (task_id, run_id, artifact_id, direction, key, at) VALUES (?, 'r', ?, ?, 'd', 1.0)"
_ARTIFACT = (
    "INSERT INTO artifact (artifact_id, name, output_key, type, uri, digest, created_at) VALUES (?, 'o', 'o', 'system.Model', 'u', ?, 3.0)"
)


def fill(database: Database) -> None:
    """One dataset, `WIDTH` tasks that read it, an output of each, a reader of each output."""

    def work(tx: Transaction) -> None:
        tx.execute(_ARTIFACT, (1, "sha256:source"))
        for index in range(WIDTH):
            tx.execute(_TASK, (f"t{index}", index, f"component {index % 50}"))
            tx.execute(_TASK, (f"u{index}", index + 100_000, "reader"))
            tx.execute(_ARTIFACT, (10 + index, f"sha256:{index}"))
            tx.execute(_USE, (f"t{index}", 1, "input"))
            tx.execute(_USE, (f"t{index}", 10 + index, "output"))
            tx.execute(_USE, (f"u{index}", 10 + index, "input"))

    database.write_sync(work)


async def measure(service: LineageService) -> None:
    """Print size and time of a few queries."""
    for _ in range(5):
        start = time.perf_counter()
        graph = await service.around("artifact:1", depth=3, limit=20_000)
        walked = time.perf_counter()
        graph_to_wire(graph)
        print(
            f"{len(graph.nodes)} nodes, {len(graph.edges)} edges, {len(graph.clusters)} clusters:"
            f" {walked - start:.3f} s, {time.perf_counter() - walked:.3f} s more for JSON"
        )


def main() -> None:
    """Fill a database and measure."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/penstock.db", synchronous="OFF")
        fill(database)
        asyncio.run(measure(LineageService(SqlLineageStore(database), lambda manifests: [[] for _ in manifests])))
        database.close()


if __name__ == "__main__":
    main()
