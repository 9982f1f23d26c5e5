"""Wires the trash: how each kind of thing is stopped, hidden and removed for good."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

from penstock.background.rounds import Rounds
from penstock.domain.ids import Digest, ExperimentId, RecurringRunId, RunId, TrackedRunId
from penstock.domain.retention import RetentionRule
from penstock.domain.runs import RecurringRunChanged
from penstock.domain.states import RuntimeState
from penstock.domain.tracking import TrackedProjectId
from penstock.domain.trash import TrashKind
from penstock.executors.process.environment_list import folder_size
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.clock import Clock, IdSource, Timers
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.trash import Remover
from penstock.server.pipelines import PipelineParts
from penstock.server.tracking import Tracking
from penstock.stores.sql.collections import SqlCollectionStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.retention import SqlRetentionStore
from penstock.stores.sql.trash import SqlTrashStore
from penstock.tracking.artifacts import hex_md5
from penstock.tracking.manifests import read_entries
from penstock.trash.retention import ContentReaders, RetentionService
from penstock.trash.service import TrashService

_LOOK_SECONDS = 600.0
_DAY_SECONDS = 86_400.0
_ACTIVE = frozenset({RuntimeState.PENDING, RuntimeState.RUNNING, RuntimeState.PAUSED})


def build_trash(
    database: Database,
    pipelines: PipelineParts,
    tracking: Tracking,
    *,
    keep_days: float,
    clock: Clock,
    ids: IdSource,
    notifier: Notifier,
) -> TrashService:
    """Return the trash over `database`; nothing is removed before its timer runs."""
    collections, runs, tracked = SqlCollectionStore(database), pipelines.runs, tracking.runs

    async def stop_run(subject: str) -> None:
        if (await runs.get(RunId(subject))).state in _ACTIVE:
            await runs.terminate(RunId(subject), reason="It was deleted.")

    async def forget_tracked(subject: str) -> None:
        await tracked.forget(TrackedRunId(int(subject)))

    async def remove_run(subject: str) -> None:
        await runs.remove(RunId(subject))

    async def remove_tracked(subject: str) -> None:
        await tracked.delete(TrackedRunId(int(subject)))

    async def remove_collection(subject: str) -> None:
        await asyncio.to_thread(collections.purge_collection, int(subject), at=clock.now())

    async def remove_row(subject: str) -> None:
        """Nothing is left to do: the row was taken out (an artifact has ended, a version is deleted for clients and its number never used
        again), and what is written down of it goes with the item.
        """

    async def remove_experiment(subject: str) -> None:
        await pipelines.experiments.remove(ExperimentId(subject))

    async def remove_project(subject: str) -> None:
        await tracking.projects.delete(TrackedProjectId(int(subject)))

    def moved(kind: TrashKind) -> None:
        if kind in {TrashKind.EXPERIMENT, TrashKind.SCHEDULE}:
            notifier.publish(RecurringRunChanged(RecurringRunId("")))
        elif kind is TrashKind.PROJECT:
            tracking.projects.forget_live()

    before: Mapping[TrashKind, Remover] = {TrashKind.RUN: stop_run, TrashKind.TRACKED_RUN: forget_tracked}
    removers: Mapping[TrashKind, Remover] = {
        TrashKind.RUN: remove_run,
        TrashKind.TRACKED_RUN: remove_tracked,
        TrashKind.VERSION: remove_row,
        TrashKind.ARTIFACT: remove_row,
        TrashKind.COLLECTION: remove_collection,
        TrashKind.PIPELINE: remove_row,
        TrashKind.PIPELINE_VERSION: remove_row,
        TrashKind.EXPERIMENT: remove_experiment,
        TrashKind.SCHEDULE: remove_row,
        TrashKind.PROJECT: remove_project,
    }
    keep, store = keep_days * _DAY_SECONDS, SqlTrashStore(database)
    return TrashService(store, before=before, removers=removers, keep_seconds=keep, clock=clock, ids=ids, moved=moved)


def build_retention(
    database: Database, trash: TrashService, blobs: BlobStore, *, runs_dir: Path, policy: RetentionRule, clock: Clock
) -> RetentionService:
    """Return retention over `database`; logs of runs lie below `runs_dir`."""

    def files_of(digest: Digest) -> list[tuple[Digest, int]]:
        return [(Digest(entry.digest), entry.size_bytes) for entry in blobs.list_tree(digest)]

    def names_in(digest: Digest) -> Iterator[str]:
        return (hex_md5(entry.digest) for entry in read_entries(blobs.read(digest)) if entry.ref is None)

    def folder_bytes(run_id: str) -> int:
        return folder_size(runs_dir / run_id).size_bytes

    return RetentionService(SqlRetentionStore(database), trash, ContentReaders(files_of, names_in, folder_bytes), clock, policy)


def build_retention_timer(retention: RetentionService, *, clock: Clock, timers: Timers, notifier: Notifier) -> Rounds:
    """Return the service that follows the retention policy."""
    return Rounds("retention", [retention.carry_out], wants=lambda _: False, clock=clock, timers=timers, notifier=notifier)


def build_trash_timer(trash: TrashService, *, clock: Clock, timers: Timers, notifier: Notifier) -> Rounds:
    """Return the service that removes for good what is due."""
    return Rounds(
        "trash", [trash.empty_due], wants=lambda _: False, clock=clock, timers=timers, notifier=notifier, look_seconds=_LOOK_SECONDS
    )
