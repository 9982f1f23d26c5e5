"""The web pages over a seeded database, without engine and protocols: `python -m tests.browser.app [PORT]` serves them for looking."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from starlette.applications import Starlette

from penstock.engine.cache_key import miss_reason
from penstock.server.clock import SystemClock, SystemIds
from penstock.server.config import Settings
from penstock.server.notifier import LocalNotifier
from penstock.server.page_actions import build_automation
from penstock.server.pipelines import build_pipelines
from penstock.server.web import page_readers
from penstock.spec.loader import SpecPlanLoader
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.files.attempt_logs import AttemptLogFiles
from penstock.stores.sql.cache import SqlTaskCache
from penstock.stores.sql.database import Database, open_database
from penstock.web.routes.pages import routes
from penstock.web.services.actions import Actions
from penstock.web.services.automation import Automation
from penstock.web.services.web import WebServices
from tests.browser.seed import seed
from tests.support.clients import KFP_NEWEST, client_environment, client_python

if TYPE_CHECKING:
    from penstock.interfaces.runner import Runner


@dataclass
class RecordedNoun:
    """Stands for what forms do to one noun: notes `VERB_NOUN` with what was given, and answers with fixed ids."""

    calls: list[tuple[str, tuple[Any, ...]]]
    noun: str
    run_id: str

    def __getattr__(self, name: str) -> Any:
        async def act(*arguments: Any, **named: Any) -> Any:
            self.calls.append((f"{name}_{self.noun}", (*arguments, *named.values())))
            return ("pipe-digits", "ver-2") if name.startswith("upload") else self.run_id

        if name.startswith("__"):
            raise AttributeError(name)
        return act


class RecordedRuns(RecordedNoun):
    """Runs; what a planned one would reuse is fixed."""

    async def cache_plan(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """A plan with one entry of each kind."""
        tasks = [
            {"task": "load-digits", "outcome": "cached", "reason": "same as in digits baseline", "seconds": 6.2},
            {"task": "preprocess", "outcome": "run", "reason": "code changed", "seconds": 4.1},
            {"task": "evaluate", "outcome": "unknown", "reason": "depends on for-loop-2", "seconds": None},
        ]
        environments = [
            {"state": "built", "tasks": ["preprocess"], "python": "3.11.9", "packages": (), "seconds": 2.0, "note": "", "is_offline": False},
            {
                "state": "missing",
                "tasks": ["evaluate", "report"],
                "python": "3.11.9",
                "packages": ("scikit-learn>=1.4", "kfp==2.14.0"),
                "seconds": 31.0,
                "note": "the image asks for Python 3.9, which this machine does not have; 3.11 is used",
                "is_offline": True,
            },
            {"state": "refused", "tasks": ["a", "b", "c", "d", "old"], "python": "", "packages": ("six",), "seconds": None, "note": "no Python", "is_offline": False},
        ]
        return {"tasks": tasks, "expected_seconds": 4.1, "is_partial": True, "environments": environments}


class RecordedRecurringRuns(RecordedNoun):
    """Recurring runs; they fire every hour."""

    def next_fires(self, trigger: Mapping[str, Any], *, after: float, count: int, anchored_at: float | None = None) -> list[float]:
        """Hourly, whatever the trigger."""
        return [after + 3600 * (step + 1) for step in range(count)]


class RecordingActions:
    """Stands for the use cases of all forms; `calls` is what was asked, in order."""

    def __init__(self, *, run_id: str) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.runs = RecordedRuns(self.calls, "run", run_id)
        self.experiments = RecordedNoun(self.calls, "experiment", run_id)
        self.pipelines = RecordedNoun(self.calls, "pipeline", run_id)
        self.recurring_runs = RecordedRecurringRuns(self.calls, "recurring", run_id)

    def as_actions(self) -> Actions:
        """Return them as the pages take them."""
        return Actions(self.runs, self.experiments, self.pipelines, self.recurring_runs)


def compile_digits(folder: Path) -> str:
    """Compile the seeded pipeline with the real SDK."""
    target = folder / "digits.yaml"
    program = Path(__file__).with_name("digits_pipeline.py")
    subprocess.run(
        [str(client_python(KFP_NEWEST)), str(program), str(target)], check=True, env=client_environment(), cwd=folder, capture_output=True
    )
    return target.read_text()


class IdleRunner:
    """Stands for the engine: nothing is driven."""

    async def submit(self, new_run: object, *, plan: object) -> None:
        """Take the run and do nothing with it."""


def automation(data: Path, database: Database, blobs: LocalBlobStore, clock: SystemClock) -> Automation:
    """Use cases of recurring runs over the seeded database."""
    rooms = build_pipelines(
        Settings(data_dir=data),
        database=database,
        blobs=blobs,
        plans=SpecPlanLoader(),
        runner=cast("Runner", IdleRunner()),
        notifier=LocalNotifier(),
        clock=clock,
        ids=SystemIds(),
    )
    cache = SqlTaskCache(database, has=blobs.has, miss_reason=miss_reason)
    return build_automation(rooms, database, cache=cache, clock=clock, user_name="tester")


@dataclass
class SeededApp:
    """A served application with what tests want to know of it."""

    app: Starlette
    services: WebServices
    actions: RecordingActions
    runs: dict[str, str]
    data: Path


def build(data: Path, *, url: str = "http://127.0.0.1:8080", spec_yaml: str | None = None) -> SeededApp:
    """Seed a fresh data folder and return the application over it."""
    database = open_database(f"sqlite:///{data / 'penstock.db'}", synchronous="NORMAL")
    blobs = LocalBlobStore(data / "blobs")
    clock = SystemClock()
    runs = seed(database, data, blobs, now=clock.now(), spec_yaml=spec_yaml or compile_digits(data))
    actions = RecordingActions(run_id=runs["good"])
    services = WebServices(
        **page_readers(database, AttemptLogFiles(data)),
        plans=SpecPlanLoader(),
        notifier=LocalNotifier(),
        clock=clock,
        blobs=blobs,
        actions=actions.as_actions(),
        url=url,
        version="0.1.0",
        automation=automation(data, database, blobs, clock),
    )
    return SeededApp(Starlette(routes=routes(services)), services, actions, runs, data)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        port = int(sys.argv[1]) if len(sys.argv) > 1 else 8181
        built = build(Path(folder), url=f"http://127.0.0.1:{port}")
        sys.stdout.write(f"seeded in {time.monotonic() - began:.1f} s; runs: {built.runs}\n")
        sys.stdout.flush()
        uvicorn.run(built.app, host="127.0.0.1", port=port, log_level="warning")
