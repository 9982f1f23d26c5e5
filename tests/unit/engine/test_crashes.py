"""The server is killed at every turn of a run, before and after the turn is stored: it ends as it would have, nothing is repeated."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from penstock.domain.expr import Const, ScopeInput
from penstock.domain.ids import RunId
from penstock.domain.plan import Iteration, RetryPolicy, RunPlan, TriggerRule
from penstock.interfaces.journal import JournalBatch
from penstock.stores.sql.journal import SqlRunJournal
from penstock.testing.scripted_executor import Outcome, failing
from tests.support.engines import Engine, sqlite_database
from tests.support.plans import CACHED, forward, graph, leaf, output, plan, task


class _DyingJournal(SqlRunJournal):
    """Stops for ever at its n-th append, before or after storing it."""

    appends = 0
    dies_at: ClassVar[int] = 0
    after: ClassVar[bool] = False
    died: ClassVar[asyncio.Event]

    async def append(self, batch: JournalBatch) -> Mapping[RunId, int]:
        """Store the batch, unless this is where the server dies."""
        self.appends += 1
        if self.appends == self.dies_at:
            if self.after:
                await super().append(batch)
            self.died.set()
            await asyncio.Event().wait()
        return await super().append(batch)


def _plan() -> RunPlan:
    body = graph("body", task("work", "maker", parameters={"x": ScopeInput("i")}), inputs=["i"], outputs={"o": forward("work", "o")})
    return plan(
        graph(
            "root",
            task("load", "maker", parameters={"x": Const(0)}, cache=CACHED),
            task("check", "maker", parameters={"x": output("load", "o")}, cache=CACHED),
            task("loop", "body", after=["check"], iteration=Iteration(items=Const([1, 2, 3]), item_input="i", parallelism=2)),
            task("use", "taker", parameters={"x": output("loop", "o")}, retry=RetryPolicy(1)),
            task("bye", after=["use"], trigger=TriggerRule.ALL_DONE, is_exit=True),
        ),
        body,
        leaf("maker", inputs=["x"], outputs=["o"]),
        leaf("taker", inputs=["x"]),
    )


@pytest.mark.parametrize("after", [False, True], ids=["before-storing", "after-storing"])
@pytest.mark.parametrize("turn", range(1, 10))
async def test_a_server_killed_in_any_turn_loses_and_repeats_nothing(tmp_path: Path, turn: int, after: bool) -> None:
    scripts = {"load": Outcome({"o": 7}), "check": Outcome({"o": 1}), "work": Outcome({"o": 1}), "use": [failing(), Outcome()]}
    with sqlite_database(tmp_path) as database:
        engine = Engine(database, scripts=scripts)
        _DyingJournal.dies_at, _DyingJournal.after, _DyingJournal.died = turn, after, asyncio.Event()
        engine.journal_type = _DyingJournal
        await engine.start()
        await engine.submit(_plan())
        await asyncio.wait_for(_DyingJournal.died.wait(), 30)
        await engine.kill()
        begun = Counter(request.key for request in engine.executor.requests)

        engine.journal_type = SqlRunJournal
        await engine.start()
        # Killed after its last turn was stored, the run is over and nobody takes it up again.
        row = await engine.finished() if engine.driver.has_run(RunId("run-1")) else engine.run_row()
        begun += Counter(request.key for request in engine.executor.requests)
        await engine.stop()

        assert row["state"] == "SUCCEEDED"
        assert set(engine.states().values()) == {"SUCCEEDED"}
        assert max(begun.values()) == 1, "an attempt was launched twice"
        attempts = {path: task["attempts"] for path, task in engine.tasks().items() if task["attempts"]}
        assert attempts == {"root/load": 1, "root/check": 1, **{f"root/loop[{n}]/work": 1 for n in range(3)}, "root/use": 2, "root/bye": 1}
        assert [event["seq"] for event in engine.rows("SELECT seq FROM run_event ORDER BY seq")] == list(
            range(engine.rows("SELECT COUNT(*) AS n FROM run_event")[0]["n"])
        )
