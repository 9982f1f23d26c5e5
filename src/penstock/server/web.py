"""Wiring of the web pages: the parts they read from and act through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import penstock
from penstock.budgets.service import BudgetService
from penstock.executors.line_search.service import ProcessLineFinder
from penstock.executors.process.environments import Environments, locked_packages
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.cache import TaskCache
from penstock.interfaces.clock import Clock
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.plans import PlanLoader
from penstock.server.page_actions import build_actions, build_automation
from penstock.server.pipelines import PipelineParts
from penstock.stores.files.attempt_logs import AttemptLogFiles
from penstock.stores.sql.artifact_notes import SqlArtifactNotes
from penstock.stores.sql.database import Database
from penstock.stores.sql.pages_artifacts import SqlArtifactPages
from penstock.stores.sql.pages_catalog import SqlCatalogPages
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.stores.sql.pages_run_tables import SqlRunTables
from penstock.stores.sql.pages_runs import SqlRunPages
from penstock.stores.sql.recent_objects import SqlRecentObjects
from penstock.stores.sql.saved_views import SqlSavedViews
from penstock.trash.retention import RetentionService
from penstock.trash.service import TrashService
from penstock.web.services.flows import FlowWeb
from penstock.web.services.system import SystemServices
from penstock.web.services.tracking import TrackingServices
from penstock.web.services.web import Replays, WebServices
from penstock.web.texts.starters import folder_option


class PageReaders(TypedDict):
    """What `WebServices` reads from, by its field names."""

    runs: SqlRunPages
    run_tables: SqlRunTables
    views: SqlSavedViews
    artifacts: SqlArtifactPages
    notes: SqlArtifactNotes
    catalog: SqlCatalogPages
    home: SqlHomePages
    recent: SqlRecentObjects
    logs: AttemptLogFiles
    finder: ProcessLineFinder


def page_readers(database: Database, logs: AttemptLogFiles) -> PageReaders:
    """Return what the pages read from a database, and of logs."""
    return PageReaders(
        runs=SqlRunPages(database),
        run_tables=SqlRunTables(database),
        views=SqlSavedViews(database),
        artifacts=SqlArtifactPages(database),
        notes=SqlArtifactNotes(database),
        catalog=SqlCatalogPages(database),
        home=SqlHomePages(database),
        recent=SqlRecentObjects(database),
        logs=logs,
        finder=ProcessLineFinder(),
    )


def build_web(
    parts: PipelineParts,
    *,
    database: Database,
    data_dir: Path,
    logs: AttemptLogFiles,
    blobs: BlobStore,
    plans: PlanLoader,
    notifier: Notifier,
    clock: Clock,
    url: str,
    flows_prefix: str,
    zone: tzinfo,
    facts: Callable[[], Mapping[str, Any]],
    cache: TaskCache,
    environments: Environments,
    user_name: str,
    replays: Replays | None = None,
    tracking: TrackingServices | None = None,
    system: SystemServices | None = None,
    trash: TrashService | None = None,
    retention: RetentionService | None = None,
    budgets: BudgetService | None = None,
    flows: FlowWeb | None = None,
) -> WebServices:
    """Return what the pages work with.

    Args:
        parts: use cases of pipelines.
        database: where the pages' read models look.
        data_dir: the data folder.
        logs: of attempts.
        blobs: bytes of artifacts.
        plans: lowers stored definitions.
        notifier: tells live pages what changed.
        cache: asked what a planned run would reuse.
        environments: asked which of those it needs are there.
        clock: wall clock.
        url: address of this server.
        flows_prefix: first part of the addresses of flows that clients print.
        zone: time zone of cron expressions.
        facts: what the System page tells about the process.
        user_name: who the change log names for what is done on the pages.
        replays: describes attempts for other machines.
        tracking: behind the pages of tracked runs.
        system: behind the System page.
        trash: where deletions of the pages lead.
        retention: says what is old, and moves it there.
        budgets: what pipelines and projects may use.
        flows: what comparisons read of recorded flows.
    """
    return WebServices(
        **page_readers(database, logs),
        plans=plans,
        notifier=notifier,
        clock=clock,
        blobs=blobs,
        actions=build_actions(parts, cache=cache, clock=clock, environments=environments, zone=zone),
        url=url,
        flows_prefix=flows_prefix,
        folder_option=folder_option(data_dir, home=Path.home()),
        version=penstock.__version__,
        facts=facts,
        locked_packages=partial(locked_packages, data_dir / "envs"),
        replays=replays,
        tracking=tracking,
        system=system,
        trash=trash,
        retention=retention,
        budgets=budgets,
        flows=flows,
        automation=build_automation(parts, database, cache=cache, clock=clock, user_name=user_name),
    )
