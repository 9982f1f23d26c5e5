"""An engine on a real SQLite file with a scripted executor, a fake clock and plans handed in by the test."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from penstock.domain.execution import AttemptKey
from penstock.domain.ids import Digest, RunId
from penstock.domain.plan import RunPlan
from penstock.domain.runs import DomainEvent, NewRun, RunFinished
from penstock.engine.cache_key import miss_reason
from penstock.engine.driver import DriverSettings, RunDriver
from penstock.engine.performer import Ports
from penstock.interfaces.importing import WorkspaceStager
from penstock.stores.sql.cache import CacheSettings, SqlTaskCache
from penstock.stores.sql.database import Database, Row, open_database
from penstock.stores.sql.journal import SqlRunJournal
from penstock.testing.fake_clock import CountingIds, FakeClock
from penstock.testing.scripted_executor import Outcome, Script, ScriptedExecutor
from tests.support.plans import new_run


class RecordingNotifier:
    """Keeps what was published; lets tests wait for the end of a run."""

    def __init__(self) -> None:
        self.events: list[DomainEvent] = []
        self._finished: dict[RunId, asyncio.Event] = {}

    def publish(self, event: DomainEvent) -> None:
        """Keep the event."""
        self.events.append(event)
        if isinstance(event, RunFinished):
            self._finished.setdefault(event.run_id, asyncio.Event()).set()

    def mark(self) -> str:
        """Return how many events there were."""
        return str(len(self.events))

    def has_since(self, mark: str) -> bool:
        """Nothing is forgotten."""
        return mark.isdecimal()

    def listen(self, wants: Callable[[DomainEvent], bool], since: str = "") -> AbstractContextManager[AsyncIterator[DomainEvent]]:
        """Not needed here."""
        raise NotImplementedError

    async def wait_finished(self, run_id: str, *, seconds: float = 240) -> None:
        """Return when the run has ended (again, after `forget`)."""
        await asyncio.wait_for(self._finished.setdefault(RunId(run_id), asyncio.Event()).wait(), seconds)

    def forget(self, run_id: str) -> None:
        """The next `wait_finished` waits for another end."""
        self._finished.pop(RunId(run_id), None)


class PlanShelf:
    """Plans by spec digest; the stored content is only a name."""

    def __init__(self) -> None:
        self.plans: dict[str, RunPlan] = {}

    def load(self, kind: str, content: Mapping[str, Any]) -> RunPlan:
        """Return the plan with the name in `content`."""
        return self.plans[content["plan"]]


class Engine:
    """One server life after another over the same database and the same world of processes."""

    def __init__(self, database: Database, *, scripts: Mapping[str, Script] | None = None) -> None:
        self.database = database
        self.clock = FakeClock()
        self.plans = PlanShelf()
        self.scripts: dict[str, Script] = dict(scripts or {})
        self.world: dict[AttemptKey, Outcome] = {}
        self.missing_blobs: set[Digest] = set()
        self.cache_settings = CacheSettings()
        self.stager: WorkspaceStager | None = None
        self.ids = CountingIds()
        self.journal_type: type[SqlRunJournal] = SqlRunJournal
        self.journal: SqlRunJournal
        self.executor: ScriptedExecutor
        self.notifier: RecordingNotifier
        self.driver: RunDriver

    async def start(self, *, settings: DriverSettings | None = None) -> None:
        """Begin a server life."""
        self.journal = self.journal_type(self.database)
        self.executor = ScriptedExecutor(self.clock, self.scripts, self.world)
        self.notifier = RecordingNotifier()
        cache = SqlTaskCache(
            self.database, has=lambda digest: digest not in self.missing_blobs, miss_reason=miss_reason, settings=self.cache_settings
        )
        ports = Ports(
            journal=self.journal,
            cache=cache,
            executor=self.executor,
            plans=self.plans,
            notifier=self.notifier,
            clock=self.clock,
            timers=self.clock,
            ids=self.ids,
            stager=self.stager,
            has_content=lambda digest: digest not in self.missing_blobs,
        )
        self.driver = RunDriver(ports, settings)
        await self.driver.start()

    async def stop(self) -> None:
        """End the server life; processes go on."""
        await self.driver.close(leave_running=True)

    async def kill(self) -> None:
        """End the server life as SIGKILL would: nothing more is stored, performed or reported."""
        self.executor.is_closed = True
        loop_task = self.driver._loop_task
        assert loop_task is not None
        loop_task.cancel()
        await asyncio.gather(loop_task, return_exceptions=True)
        await self.driver._performer.close()

    async def submit(self, plan: RunPlan, run_id: str = "run-1", **fields: Any) -> NewRun:
        """Submit a run of `plan`."""
        name = f"plan-{len(self.plans.plans)}"
        self.plans.plans[name] = plan
        digest = f"sha256:{name}"
        await self.database.write(
            lambda tx: tx.execute(
                "INSERT INTO spec (digest, kind, name, content, created_at) VALUES (?, 'kfp', 'p', ?, 0)",
                (digest, json.dumps({"plan": name})),
            )
        )
        run = new_run(run_id, spec_digest=digest, created_at=self.clock.now(), scheduled_at=self.clock.now(), **fields)
        await self.driver.submit(run)
        return run

    async def run(self, plan: RunPlan, run_id: str = "run-1", **fields: Any) -> Row:
        """Submit, wait for the end and return the run's row."""
        await self.submit(plan, run_id, **fields)
        return await self.finished(run_id)

    async def finished(self, run_id: str = "run-1") -> Row:
        """Wait for the end and return the run's row."""
        await self.notifier.wait_finished(run_id)
        return self.run_row(run_id)

    async def settled(self) -> None:
        """Return when the driver has nothing left to do until something happens outside."""
        for _ in range(6):
            await self.driver._turn_over()
            await self.database.read(lambda tx: tx.one("SELECT 1 AS x"))

    def run_row(self, run_id: str = "run-1") -> Row:
        """The run as stored."""
        row = self.database.read_sync(lambda tx: tx.one("SELECT * FROM run WHERE run_id = ?", (run_id,)))
        assert row is not None
        return row

    def tasks(self, run_id: str = "run-1") -> dict[str, Row]:
        """Task rows by path."""
        rows = self.database.read_sync(lambda tx: tx.all("SELECT * FROM task WHERE run_id = ? ORDER BY position", (run_id,)))
        return {row["path"]: row for row in rows}

    def states(self, run_id: str = "run-1") -> dict[str, str]:
        """Task states by path, without `root/`."""
        return {path.removeprefix("root/"): row["state"] for path, row in self.tasks(run_id).items()}

    def rows(self, sql: str, *params: Any) -> list[Row]:
        """Rows of any query."""
        return self.database.read_sync(lambda tx: tx.all(sql, params))


@contextlib.contextmanager
def sqlite_database(folder: Path) -> Iterator[Database]:
    """A database in a file of its own."""
    database = open_database(f"sqlite:///{folder / 'penstock.db'}", synchronous="NORMAL")
    try:
        yield database
    finally:
        database.close()
