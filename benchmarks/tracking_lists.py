"""What a page of a project with 100,000 runs costs: listing, filtering on a summary key, sorting, counting, paging deep.

Run: `.venv/bin/python -m benchmarks.tracking_lists [--runs 100000]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from pathlib import Path

from tests.support.tracking import HandClock, tracking_room

from penstock.domain.tracking import RunChange, TrackedProject
from penstock.server.tracking import Tracking
from penstock.stores.sql.database import open_database
from penstock.stores.sql.tracking_values import refresh_stale

CASES: tuple[tuple[str, dict[str, object], str], ...] = (
    ("newest first", {}, "-created_at"),
    ("oldest first", {}, "+created_at"),
    ("filter on a summary key, sorted by it", {"summary_metrics.acc": {"$gt": 0.9}}, "-summary_metrics.acc"),
    ("filter on a summary key, sorted by another", {"summary_metrics.acc": {"$gt": 0.5}}, "+summary_metrics.loss"),
    ("filter on config and state, by time", {"config.lr.value": 0.01, "state": "running"}, "-created_at"),
    ("tag and regex, by name", {"$and": [{"tags": "even"}, {"display_name": {"$regex": "river-.*7$"}}]}, "+display_name"),
    ("sorted by heartbeat", {}, "-heartbeat_at"),
)


async def fill(room: Tracking, clock: HandClock, runs: int) -> TrackedProject:
    """Create the runs."""
    noise = random.Random(1)
    for start in range(0, runs, 500):
        jobs = []
        for index in range(start, min(start + 500, runs)):
            clock.time += 0.01
            change = RunChange(
                tags=["even" if index % 2 else "odd"],
                group=f"g{index % 100}",
                config=json.dumps(
                    {"lr": {"value": noise.choice([0.1, 0.01, 0.001])}, "seed": {"value": index}, "model": {"value": "resnet"}}
                ),
                summary=json.dumps(
                    {"loss": noise.random(), "acc": noise.random(), "_step": 100, "_runtime": 5.5, "val/loss": noise.random()}
                ),
            )
            jobs.append(room.runs.upsert("ann", "p", f"run{index}", change, user_name="ann"))
        await asyncio.gather(*jobs)
    project = await room.projects.get("ann", "p")
    if project is None:
        raise RuntimeError("the project is missing")
    return project


async def measure(runs: int) -> None:
    """Fill a room and ask."""
    clock = HandClock()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/penstock.db", synchronous="NORMAL")
        async with tracking_room(Path(folder), clock, database) as room:
            begin = time.perf_counter()
            project = await fill(room, clock, runs)
            print(f"{runs:,} runs created in {time.perf_counter() - begin:.1f} s")
            begin = time.perf_counter()
            while await database.write(lambda tx: refresh_stale(tx, project.project_id)):
                pass
            print(f"index of values filled in {time.perf_counter() - begin:.1f} s")
            for label, filters, order in CASES:
                text = json.dumps(filters)
                times = []
                for _ in range(3):
                    begin = time.perf_counter()
                    page = await room.runs.list(project, filters=text, order=order, limit=50)
                    times.append(time.perf_counter() - begin)
                begin = time.perf_counter()
                count = await room.runs.count(project, text)
                counted = time.perf_counter() - begin
                after = page.entries[-1].cursor if page.entries else None
                begin = time.perf_counter()
                await room.runs.list(project, filters=text, order=order, limit=50, after=after)
                following = time.perf_counter() - begin
                print(f"{label}: page {sorted(times)[1] * 1000:.0f} ms, next page {following * 1000:.0f} ms, ", end="")
                print(f"count {counted * 1000:.0f} ms ({count:,})")
        database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    asyncio.run(measure(parser.parse_args().runs))
