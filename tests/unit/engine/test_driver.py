"""The driver on a real database: durability, recovery, progress, retry, cancel."""

from __future__ import annotations

import json

from penstock.testing.scripted_executor import Outcome, failing
from tests.support.engines import Engine
from tests.support.plans import flat, leaf, output, task


async def test_a_chain_runs_in_order_and_passes_values(engine: Engine) -> None:
    engine.executor.scripts["a"] = Outcome(parameters={"out": 5})
    chain = flat(
        task("a", "maker"),
        task("b", "taker", parameters={"x": output("a", "out")}),
        templates=[leaf("maker", outputs=["out"]), leaf("taker", inputs=["x"])],
    )
    row = await engine.run(chain)
    assert row["state"] == "SUCCEEDED"
    assert engine.executor.launched() == ["root/a", "root/b"]
    assert engine.executor.requests[1].parameters == {"x": 5}
    assert json.loads(engine.tasks()["root/b"]["inputs"])["producers"] == {"x": {"task": "a", "path": "root/a", "key": "out"}}


async def test_a_failed_task_fails_the_run_and_skips_what_depends_on_it(engine: Engine) -> None:
    engine.executor.scripts["a"] = failing("boom")
    row = await engine.run(flat(task("a"), task("b", after=["a"])))
    assert row["state"] == "FAILED"
    assert json.loads(row["error"]) == {"code": 9, "message": "`a` failed: boom"}
    assert engine.states() == {"root": "FAILED", "a": "FAILED", "b": "SKIPPED"}
