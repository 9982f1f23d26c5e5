"""Cost of the engine itself: core, driver and journal, with an executor that does nothing and reports at once.

Run: `.venv/bin/python -m benchmarks.engine_core [--quick]`. Prints one line per case: tasks per second, milliseconds a task, memory.
What tasks, processes and HTTP cost on top is measured by the other benchmarks. Processor time is that of this process.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.engines import Engine
from tests.support.plans import forward, graph, leaf, output, plan, task

from penstock.domain.expr import Const
from penstock.domain.plan import CachePolicy, Iteration, OutputRule, RunPlan
from penstock.stores.sql.database import open_database
from penstock.testing.scripted_executor import Outcome


@dataclass(frozen=True)
class Case:
    """One measurement."""

    name: str
    make: Callable[[], RunPlan]
    tasks: int
    warm: bool = False
    """Run once before, so that the second run hits the cache."""


def independent(count: int, *, cached: bool) -> RunPlan:
    """`count` tasks without dependencies."""
    policy = CachePolicy(is_enabled=cached)
    tasks = [task(f"t{i}", "maker", parameters={"x": Const(i)}, cache=policy) for i in range(count)]
    return plan(graph("root", *tasks), leaf("maker", inputs=["x"], outputs=["out"]))


def chain(count: int) -> RunPlan:
    """Each task takes the output of the one before."""
    tasks = [task("t0", "maker", parameters={"x": Const(0)})]
    tasks += [task(f"t{i}", "maker", parameters={"x": output(f"t{i - 1}", "out")}) for i in range(1, count)]
    return plan(graph("root", *tasks), leaf("maker", inputs=["x"], outputs=["out"]))


def loop(count: int) -> RunPlan:
    """A loop over a graph with one task, its outputs collected."""
    body = graph("body", task("work", "maker", parameters={"x": Const(1)}), inputs=["i"], outputs={"out": forward("work", "out")})
    iteration = Iteration(items=Const(list(range(count))), item_input="i")
    root = graph("root", task("loop", "body", iteration=iteration), outputs={"all": OutputRule(choices=(("loop", "out"),))})
    return plan(root, body, leaf("maker", inputs=["x"], outputs=["out"]))


CASES = (
    Case("500 independent tasks", lambda: independent(500, cached=False), 500),
    Case("500 tasks, fully cached", lambda: independent(500, cached=True), 500, warm=True),
    Case("chain of 200 tasks", lambda: chain(200), 200),
    Case("loop of 1,000", lambda: loop(1_000), 1_000),
    Case("loop of 10,000", lambda: loop(10_000), 10_000),
    Case("loop of 50,000", lambda: loop(50_000), 50_000),
)


async def through_driver(case: Case) -> tuple[float, float]:
    """Seconds from submission to the end, everything durable, and seconds of processor time."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/penstock.db")  # synchronous=FULL, as the server has it
        engine = Engine(database, scripts={"work": Outcome(parameters={"out": 1})})
        engine.scripts.update({f"t{i}": Outcome(parameters={"out": i}) for i in range(500)})
        await engine.start()
        if case.warm:
            await engine.run(case.make(), "warm")
        made = case.make()
        began, used = time.perf_counter(), time.process_time()
        await engine.submit(made, "measured")
        await engine.notifier.wait_finished("measured", seconds=3600)
        row = engine.run_row("measured")
        seconds, used = time.perf_counter() - began, time.process_time() - used
        if row["state"] != "SUCCEEDED":
            raise RuntimeError(f"{case.name}: {row['state']} {row['error']}")
        await engine.stop()
        database.close()
    return seconds, used


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the loops of 10,000 and 50,000")
    quick = parser.parse_args().quick
    costs: dict[int, float] = {}
    for case in CASES:
        if quick and case.tasks > 1_000:
            continue
        seconds, used = asyncio.run(through_driver(case))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rate, cost = case.tasks / seconds, 1000 * used / case.tasks
        print(f"{case.name:28} {rate:9.0f} tasks/s {cost:7.3f} ms of processor time a task  peak {peak:5.0f} MB", flush=True)
        if case.name.startswith("loop"):
            costs[case.tasks] = cost
    first = next(iter(costs.values()))
    for count, cost in costs.items():
        print(f"a task of a loop of {count:,} costs {cost / first:.2f} times one of the smallest loop")


if __name__ == "__main__":
    main()
