"""Wires the tracking room: stores, series, use cases, timer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from penstock.background.tracking import TrackingTimer
from penstock.interfaces.blobs import UploadStore
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.notifier import Notifier
from penstock.stores.files.attempt_logs import AttemptLogFiles
from penstock.stores.series.store import ColumnSeriesStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.tracking_console import SqlConsoleStore
from penstock.stores.sql.tracking_files import SqlRunFileStore
from penstock.stores.sql.tracking_projects import SqlProjectStore
from penstock.stores.sql.tracking_runs import SqlTrackedRunStore
from penstock.stores.sql.tracking_tasks import TaskRunProjection, task_finder
from penstock.stores.task_traces import FlowLog, StoredTaskTraces
from penstock.tracking.console import ConsoleService, parse_line
from penstock.tracking.files import RunFileService
from penstock.tracking.filestream import FileStreamService
from penstock.tracking.heartbeats import DEFAULT_SILENCE_SECONDS, Heartbeats
from penstock.tracking.history import HistoryService
from penstock.tracking.live_runs import LiveRuns
from penstock.tracking.projects import ProjectService
from penstock.tracking.runs import TrackedRunService
from penstock.tracking.task_keys import TaskKeys
from penstock.tracking.task_runs import merged_summary, run_of_task, state_of_task, summary_of_task


def build_task_keys(database: Database, secret: bytes, *, user_name: str) -> TaskKeys:
    """Return what makes and recognises keys of pipeline tasks; `recognise` goes into `KeyService(derived=...)`."""
    return TaskKeys(secret, task_finder(database), user_name=user_name)


def build_task_projection(ids: IdSource, *, entity: str) -> TaskRunProjection:
    """Return the projection that keeps a tracked run for every pipeline task; for `RunJournal.add_projection`."""
    return TaskRunProjection(
        ids, entity=entity, describe=run_of_task, state_of=state_of_task, summarize=summary_of_task, merge=merged_summary
    )


@dataclass(frozen=True, slots=True)
class Tracking:
    """The tracking use cases, ready once `start` returned."""

    projects: ProjectService
    runs: TrackedRunService
    history: HistoryService
    console: ConsoleService
    files: RunFileService
    filestream: FileStreamService
    series: ColumnSeriesStore
    timer: TrackingTimer

    async def start(self) -> None:
        """Read the log of series back and start the timer."""
        await asyncio.to_thread(self.series.start)
        await self.timer.start()

    async def stop(self) -> None:
        """Save what is unsaved."""
        await self.timer.stop()
        await asyncio.to_thread(self.series.close)


def build_tracking(
    database: Database,
    folder: Path,
    *,
    clock: Clock,
    ids: IdSource,
    notifier: Notifier,
    silence_seconds: float = DEFAULT_SILENCE_SECONDS,
    logs: AttemptLogFiles | None = None,
    flow_log: FlowLog | None = None,
    blobs: UploadStore | None = None,
) -> Tracking:
    """Return the tracking room over `database` and the column files in `folder` (of the data folder); nothing runs yet.

    Tracked tasks have the lines of `logs`, records of flow tasks that run elsewhere those of `flow_log`. Logs of tasks become files in
    `blobs`, if there are any.
    """
    runs, projects = SqlTrackedRunStore(database), SqlProjectStore(database)
    series = ColumnSeriesStore(folder)
    traces = StoredTaskTraces(database, logs or AttemptLogFiles(folder.parent), flow_log, blobs=blobs)
    heartbeats = Heartbeats(runs, clock, silence_seconds=silence_seconds)
    live_runs = LiveRuns(runs, clock)
    service = TrackedRunService(runs, projects, series, clock, ids, notifier, heartbeats, live_runs)
    return Tracking(
        projects=ProjectService(projects, series, clock, ids, live_runs),
        runs=service,
        history=HistoryService(series, traces),
        console=ConsoleService(SqlConsoleStore(database, parse_line), traces),
        files=RunFileService(SqlRunFileStore(database, ids), clock, notifier, traces),
        filestream=FileStreamService(runs, series, live_runs, heartbeats, clock, notifier),
        series=series,
        timer=TrackingTimer(service, heartbeats),
    )
