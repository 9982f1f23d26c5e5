"""What somebody reads who may not see all: `python -m benchmarks.readers [RUNS] [--database URL]` (default 1,000,000; budget: 400 ms).

Generates tracked runs in 1,000 projects, 990 of which belong to other people (the newest among them), with what clients left out of a
hundredth and consoles of the newest 2,000; then measures what is asked for the start page, the bell and Ctrl-K, as a reader and as one
who sees everything, and a step of the search in logs. Generated and measured as `benchmarks.pages` does.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from benchmarks.pages import NOW, Counter, batched, measure, storing
from penstock.interfaces.pages import Condition, ListQuery
from penstock.stores.sql.database import Database, Transaction, open_database
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.stores.sql.pages_tracking import SqlTrackingPages
from penstock.stores.sql.tracking_console import SqlConsoleStore
from penstock.tracking.console import ConsoleService, parse_line
from penstock.web.runs.console_search import Consoles
from penstock.web.runs.wanted import words_wanted

MONTH = 30 * 86_400
PROJECTS = 1_000
SHARED = 10
USERS = 500
CONSOLES = 2_000
LINES = 200
READER = "user-0"
TABLES = {
    "tracked_entity": "name, kind, created_at",
    "tracked_project": "project_id, entity, name, created_at, updated_at",
    "automation": "automation_id, entity, name, scope, scope_id, project_id, event_type, event_filter, action_type, action, user_name,"
    " is_enabled, created_at, updated_at",
    "automation_delivery": "automation_id, occasion, subject, words, state, created_at, due_at, ended_at",
    "tracked_run": "run_id, project_id, name, display_name, state, created_at, updated_at, heartbeat_at, tags",
    "tracked_loss": "run_id, kind, detail, at",
    "tracked_console": "run_id, number, raw",
}
"""What is written, in the order in which it is: the columns of each table."""


def owner(project: int) -> str:
    """Whose a project is: the first ten are a team's."""
    return "team" if project < SHARED else f"user-{1 + project % (USERS - 1)}"


def at(number: int, size: int) -> float:
    """When: spread over a month."""
    return NOW - MONTH * (size - number) / size


def rows(table: str, count: int) -> Iterator[tuple[object, ...]]:
    """The rows of a table."""
    of: Mapping[str, Callable[[], Iterator[tuple[object, ...]]]] = {
        "tracked_entity": lambda: iter([("team", "team", NOW), *((f"user-{n}", "user", NOW) for n in range(USERS))]),
        "tracked_project": lambda: ((n, owner(n), f"project-{n}", NOW - MONTH, at(n, PROJECTS)) for n in range(PROJECTS)),
        "automation": lambda: (
            (n + 1, owner(n), f"rule-{n}", "project", n, n, "RUN_STATE", "{}", "webhook", "{}", "user-1", 0, NOW, NOW)
            for n in range(PROJECTS)
        ),
        "automation_delivery": lambda: (
            (n % PROJECTS + 1, str(n), f"run {n}", "{}", "failed", at(n, count), at(n, count), at(n, count)) for n in range(count // 10)
        ),
        "tracked_run": lambda: (
            (n, n % PROJECTS, f"id{n}", f"run-{n}", "finished" if n % 20 else "failed", *(at(n, count),) * 3, '["night"]')
            for n in range(count)
        ),
        "tracked_loss": lambda: ((n, "rows", "3 rows are missing", at(n, count)) for n in range(0, count, 100)),
        "tracked_console": lambda: (
            (n, line, f"2026-11-30T08:00:00.000000 epoch {line} of run {n}: loss {line / 7:.6f}, nothing else to tell about this step\n")
            for n in range(max(0, count - CONSOLES), count)
            for line in range(LINES)
        ),
    }
    return of[table]()


def insert(tx: Transaction, table: str, batch: list[tuple[object, ...]]) -> None:
    """Insert rows of a table; two that are there from the beginning stay."""
    tx.many(f"INSERT INTO {table} ({TABLES[table]}) VALUES ({', '.join('?' * len(batch[0]))}) ON CONFLICT DO NOTHING", batch)


async def fill(database: Database, count: int) -> None:
    """Store all tables."""
    async with storing(database, f"{count:,} tracked runs"):
        for table in TABLES:
            for batch in batched(rows(table, count), 20_000):
                await database.write(partial(insert, table=table, batch=batch))


def search_step(database: Database, scope: ListQuery, *, is_readable: Callable[[str], bool]) -> Callable[[], Awaitable[object]]:
    """One step of the search in logs through consoles, for a word that no line holds."""
    console = ConsoleService(SqlConsoleStore(database, parse_line))
    tracking = cast("Any", SimpleNamespace(console=console, pages=SqlTrackingPages(database)))
    wanted = words_wanted("unheard")
    return lambda: Consoles(tracking, scope, is_readable).step(wanted, time.monotonic() + 60)


async def main(count: int, url: str) -> None:
    """Fill what is empty, then measure."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(url or f"sqlite:///{Path(folder) / 'bench.db'}", synchronous="OFF")
        if await database.read(lambda tx: tx.one("SELECT 1 FROM tracked_run LIMIT 1")) is None:
            await fill(database, count)
        counter = Counter(database)
        home = SqlHomePages(database)
        rare = ListQuery(now=NOW, words=(f"run-{count - 17}",))
        tagged = ListQuery(now=NOW, conditions=(Condition("tag", ":", "unheard"),))
        cases: list[tuple[str, Callable[[], Awaitable[object]]]] = []
        for who, reader in (("who sees everything", None), ("of whom others keep most", READER)):
            cases += [
                (f"home, one {who}", partial(home.home, NOW, reader=reader)),
                (f"the bell, one {who}", partial(home.news, NOW - MONTH, reader=reader)),
                (f"search for a name, one {who}", partial(home.search, str(count - 17), reader=reader)),
                (f"search for what every name holds, one {who}", partial(home.search, "run-", reader=reader)),
            ]
        for name, scope, is_readable in (
            ("50 consoles", ListQuery(now=NOW), lambda entity: True),
            ("a scope that one run fits", rare, lambda entity: True),
            ("a scope that no run fits", tagged, lambda entity: True),
            ("of whom others keep most", ListQuery(now=NOW), lambda entity: entity == "team"),
            ("of whom others keep all", ListQuery(now=NOW), lambda entity: False),
        ):
            cases.append((f"search in logs, a step: {name}", search_step(database, scope, is_readable=is_readable)))
        sys.stdout.write("| What | Time | Processor time | Statements |\n|---|---|---|---|\n")
        for name, work in cases:
            await measure(counter, name, work)
        database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--database", default="", help="sqlite:///PATH or postgresql://...")
    options = parser.parse_args()
    asyncio.run(main(options.runs, options.database))
