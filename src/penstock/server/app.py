"""Composition root: builds every part from the settings and puts the protocols behind one ASGI application.

The only module that picks implementations. Order matters at start (stores, executor, engine, background services) and is
reversed at stop; `Parts` is what the rest of the process may hold on to.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

import penstock
from penstock.api import budgets as budget_api
from penstock.api import kfp, kfp_v1, lineage, metaflow, s3, triggers, wandb
from penstock.background.blob_collector import BlobCollector, Retention
from penstock.background.rounds import Rounds
from penstock.budgets.service import BudgetService
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.retention import RetentionRule
from penstock.domain.trash import TrashKind
from penstock.interfaces.plans import PlanLoader
from penstock.objects.service import ObjectService
from penstock.server.accounts import client_variables, default_user, ensure_first_key, key_check
from penstock.server.automations import Automations, build_automations
from penstock.server.backups import BackupDesk, build_backups
from penstock.server.clock import LoopTimers, SystemClock, SystemIds
from penstock.server.config import Settings, setting_names
from penstock.server.datafolder import ensure_secret
from penstock.server.engine import EngineParts, build_engine
from penstock.server.errors_seen import ErrorMemory
from penstock.server.flows import FlowParts, FlowTaskEnvironment, build_flows, secret_reader
from penstock.server.kfp import build_kfp, build_recurrence, build_trigger_watcher
from penstock.server.lineage import build_lineage
from penstock.server.metrics import CONTENT_TYPE, exposition
from penstock.server.notifier import LocalNotifier
from penstock.server.pipelines import PipelineParts, build_pipelines, zone_of
from penstock.server.recent_objects import remembering
from penstock.server.replays import AttemptReplays
from penstock.server.security import Door
from penstock.server.signin import sign_in_routes
from penstock.server.status import ClientCounter, ProcessStatus, shown_setting
from penstock.server.tracking import Tracking, build_task_keys, build_task_projection, build_tracking
from penstock.server.tracking_pages import build_tracking_pages
from penstock.server.trash import build_retention, build_retention_timer, build_trash, build_trash_timer
from penstock.server.wandb import build_artifacts, build_wandb
from penstock.server.web import build_web
from penstock.spec.loader import SpecPlanLoader
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.sql.accounts import SqlEntityStore, SqlKeyStore
from penstock.stores.sql.artifact_notes import SqlExpiringArtifacts
from penstock.stores.sql.budgets import SqlBudgetStore
from penstock.stores.sql.database import Database, open_database
from penstock.stores.sql.flow_engine import follow_engine
from penstock.stores.sql.housekeeping import SqlEndedRuns, SqlLiveBlobs
from penstock.stores.sql.metrics import SqlMetricStore
from penstock.stores.sql.orphans import SqlOrphanStore
from penstock.stores.sql.pages_home import SqlHomePages
from penstock.stores.sql.secrets import SqlSecretStore
from penstock.tracking.accounts import AccountService
from penstock.tracking.keys import KeyService
from penstock.tracking.step_keys import StepKeys
from penstock.tracking.task_keys import TaskKeys
from penstock.tracking.task_runs import TaskEnvironment
from penstock.tracking.unused_content import UnusedContent
from penstock.trash.retention import RetentionService
from penstock.trash.service import TrashService
from penstock.web.errors import role_refusal, unknown_address
from penstock.web.routes.flows import routes as flow_routes
from penstock.web.routes.lineage import routes as lineage_pages
from penstock.web.routes.pages import routes as web_routes
from penstock.web.services.system import SystemServices
from penstock.web.services.tracking import TrackingServices, caller_of, readable_by
from penstock.web.services.web import WebServices


@dataclass(slots=True)
class Parts:
    """What a server process is made of."""

    settings: Settings
    url: str
    """Address that clients use, without trailing slash."""
    clock: SystemClock
    ids: SystemIds
    notifier: LocalNotifier
    database: Database
    keys: KeyService
    accounts: AccountService
    blobs: LocalBlobStore
    plans: PlanLoader
    engine: EngineParts
    pipelines: PipelineParts
    tracking: Tracking
    automations: Automations
    trash: TrashService
    retention: RetentionService
    budgets: BudgetService
    flows: FlowParts
    clients: ClientCounter
    errors: ErrorMemory
    started_at: float
    """When the parts were made."""
    is_ready: bool = False


class _Ground(TypedDict):
    """What most services stand on, by the names that they take it under."""

    database: Database
    blobs: LocalBlobStore
    plans: PlanLoader
    notifier: LocalNotifier
    clock: SystemClock
    ids: SystemIds


def build_parts(settings: Settings, *, url: str) -> Parts:
    """Open the stores and make the services; nothing runs yet.

    Raises:
        UnavailableError: a store cannot be opened.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    clock, ids, notifier, plans = SystemClock(), SystemIds(), LocalNotifier(), SpecPlanLoader()
    database = open_database(settings.database_url, synchronous=settings.store_synchronous)
    blobs = LocalBlobStore(settings.data_dir / "blobs")
    accounts, keys, task_keys = _build_accounts(settings, database, clock)
    user = accounts.default_user
    ground: _Ground = {"database": database, "blobs": blobs, "plans": plans, "notifier": notifier, "clock": clock, "ids": ids}
    engine = _build_engine(settings, ground, url=url, user=user, keys=keys, task_keys=task_keys)
    pipelines = build_pipelines(settings, runner=engine.driver, **ground)
    flows = build_flows(settings, database, blobs, clock, ids, notifier, entity=user)
    tracking = build_tracking(
        database,
        settings.data_dir / "tracking",
        clock=clock,
        ids=ids,
        notifier=notifier,
        logs=engine.logs,
        flow_log=flows.web.reader.log_lines,
        blobs=blobs,
    )
    trash = build_trash(database, pipelines, tracking, keep_days=settings.store_trash_days, clock=clock, ids=ids, notifier=notifier)
    return Parts(
        settings=settings,
        url=url,
        **ground,
        keys=keys,
        accounts=accounts,
        engine=engine,
        pipelines=pipelines,
        tracking=tracking,
        automations=build_automations(settings, database, tracking.series, clock=clock, notifier=notifier),
        trash=trash,
        retention=build_retention(
            database, trash, blobs, runs_dir=settings.data_dir / "runs", policy=_retention_policy(settings), clock=clock
        ),
        budgets=BudgetService(SqlBudgetStore(database), clock, zone_of(settings)),
        flows=flows,
        clients=ClientCounter(clock),
        errors=ErrorMemory(clock),
        started_at=clock.now(),
    )


def _build_engine(settings: Settings, ground: _Ground, *, url: str, user: str, keys: KeyService, task_keys: TaskKeys) -> EngineParts:
    """Return the engine, whose tasks are told of this server, with the rows that tracked runs and flows keep of its events."""
    secret = ensure_secret(settings.data_dir)
    told = TaskEnvironment(url, user, task_keys)
    engine = build_engine(
        settings,
        **ground,
        task_environment=FlowTaskEnvironment(told, url, secret, SqlSecretStore(ground["database"]), settings.flows_prefix),
        overruling=StepKeys(url, task_keys, keys.is_valid),
    )
    engine.journal.add_projection(build_task_projection(ground["ids"], entity=user))
    engine.journal.add_projection(follow_engine)
    return engine


def _build_accounts(settings: Settings, database: Database, clock: SystemClock) -> tuple[AccountService, KeyService, TaskKeys]:
    """Return who there is, with the server's own user and its first key, and the keys of people and of tasks."""
    user = default_user(settings)
    task_keys = build_task_keys(database, ensure_secret(settings.data_dir), user_name=user)
    accounts = AccountService(SqlEntityStore(database), clock, default_user=user, reserved=settings.reserved_entities)
    if accounts.entity(settings.flows_prefix) is not None:
        raise InvalidArgumentError(f"flows_prefix: there is an entity {settings.flows_prefix!r}, whose pages would have no address")
    keys = KeyService(SqlKeyStore(database), clock, derived=task_keys.recognise, standing=accounts.standing)
    accounts.start()
    ensure_first_key(settings, keys, user)
    return accounts, keys, task_keys


def _retention_policy(settings: Settings) -> RetentionRule:
    kinds = [TrashKind(kind) for kind in settings.store_retention_kinds]
    return RetentionRule(kinds, settings.store_retention_days, settings.store_retention_keep)


def build_app(parts: Parts) -> ASGIApp:
    """Return the application over `parts`; its lifespan starts and stops them."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for start, stop in _services(parts):
                stack.push_async_callback(stop)
                await start()
            parts.is_ready = True
            yield
            parts.is_ready = False

    routes, web = build_routes(parts)
    pages = Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: unknown_address(web)})
    app = parts.clients.around(remembering(pages, web.recent, parts.clock))
    settings = parts.settings
    names = {settings.server_host, urlsplit(parts.url).hostname or "", *settings.server_allowed_hosts}
    refusal_page = partial(role_refusal, web)
    if settings.is_loopback:
        owner = parts.accounts.owner
        return Door(app, hosts=names, accept_addresses=False, key_check=key_check(parts.keys), owner=owner, refusal_page=refusal_page)
    names |= {socket.gethostname(), socket.getfqdn()}
    return Door(app, hosts=names, accept_addresses=True, key_check=key_check(parts.keys), refusal_page=refusal_page)


def build_routes(parts: Parts) -> tuple[list[BaseRoute], WebServices]:
    """Return everything that the application serves, and what its pages work with."""
    wandb_services = _wandb_services(parts)
    tracking = build_tracking_pages(wandb_services, parts.database, variables=_variables(parts))
    web = _web(parts, wandb_services, tracking)
    return _routes(parts, wandb_services, tracking, web), web


def system_facts(parts: Parts) -> dict[str, Any]:
    """Return what the System page tells about the process."""
    settings, fields = parts.settings, setting_names()
    return {
        "data_dir": str(settings.data_dir),
        "database": parts.database.dialect.name,
        "host": socket.gethostname(),
        "started_at": parts.started_at,
        "cpus": os.cpu_count() or 1,
        "limits": parts.engine.limiter_name,
        "has_namespaces": parts.engine.has_namespaces,
        "python": sys.version.split()[0],
        "process_id": os.getpid(),
        "settings": {name: shown_setting(name, getattr(settings, name)) for name in fields},
        "changed": [name for name, field in fields.items() if getattr(settings, name) != field.default],
    }


def _process_status(parts: Parts) -> ProcessStatus:
    switches = {"Removal of unused files": parts.settings.store_collect_seconds, "Retention": parts.settings.store_retention_days}
    off = [name for name, number in switches.items() if number <= 0]
    return ProcessStatus(parts.settings.data_dir, parts.engine.executor, parts.clients, parts.errors.list, switched_off=off)


def _collector(parts: Parts) -> BlobCollector:
    """Return what removes bytes that nothing refers to any more."""
    retention = Retention(every_seconds=parts.settings.store_collect_seconds, run_folder_days=parts.settings.store_run_folder_days)
    return BlobCollector(
        parts.blobs,
        SqlLiveBlobs(parts.database),
        [
            build_artifacts(parts.database, parts.settings.data_dir / "tracking", parts.blobs, parts.clock),
            SqlExpiringArtifacts(parts.database, parts.clock),
        ],
        UnusedContent(SqlOrphanStore(parts.database), parts.blobs),
        parts.pipelines.files,
        SqlEndedRuns(parts.database),
        parts.clock,
        retention,
    )


def _services(parts: Parts) -> list[tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]]:
    """Return start and stop of each part that runs, in start order."""

    async def close_stores() -> None:
        parts.notifier.close()
        parts.database.close()

    async def remember_errors() -> None:
        logging.getLogger("penstock").addHandler(parts.errors)

    async def forget_errors() -> None:
        logging.getLogger("penstock").removeHandler(parts.errors)

    async def ensure_default_experiment() -> None:
        await parts.pipelines.experiments.default()

    async def stop_engine() -> None:
        await parts.engine.driver.close(leave_running=parts.settings.executor_leave_running)

    collector = _collector(parts)
    recurrence = build_recurrence(parts.pipelines, clock=parts.clock, timers=LoopTimers(), notifier=parts.notifier)
    trash_timer = build_trash_timer(parts.trash, clock=parts.clock, timers=LoopTimers(), notifier=parts.notifier)
    retention_timer = build_retention_timer(parts.retention, clock=parts.clock, timers=LoopTimers(), notifier=parts.notifier)
    budget_timer = Rounds(
        "budgets", [parts.budgets.look], wants=lambda _: False, clock=parts.clock, timers=LoopTimers(), notifier=parts.notifier
    )
    watcher = build_trigger_watcher(parts.pipelines, clock=parts.clock, timers=LoopTimers(), notifier=parts.notifier)
    return [
        (remember_errors, forget_errors),
        (ensure_default_experiment, close_stores),
        (parts.tracking.start, parts.tracking.stop),
        (parts.automations.automator.start, parts.automations.automator.stop),
        (parts.engine.driver.start, stop_engine),
        (recurrence.start, recurrence.stop),
        (watcher.start, watcher.stop),
        (trash_timer.start, trash_timer.stop),
        (budget_timer.start, budget_timer.stop),
        *([(retention_timer.start, retention_timer.stop)] if parts.retention.policy.days > 0 else []),
        (parts.flows.reaper.start, parts.flows.reaper.stop),
        (parts.flows.values.start, parts.flows.values.stop),
        (collector.start, collector.stop),
    ]


def _web(parts: Parts, wandb_services: wandb.WandbServices, tracking: TrackingServices) -> WebServices:
    return build_web(
        parts.pipelines,
        database=parts.database,
        data_dir=parts.settings.data_dir,
        logs=parts.engine.logs,
        blobs=parts.blobs,
        plans=parts.plans,
        notifier=parts.notifier,
        clock=parts.clock,
        url=parts.url,
        flows_prefix=parts.settings.flows_prefix,
        zone=zone_of(parts.settings),
        facts=lambda: system_facts(parts),
        cache=parts.engine.cache,
        environments=parts.engine.environments,
        replays=AttemptReplays(parts.engine.journal, parts.plans, parts.engine.dialects, parts.engine.secrets),
        tracking=tracking,
        trash=parts.trash,
        retention=parts.retention,
        budgets=parts.budgets,
        flows=parts.flows.web,
        system=SystemServices(
            _process_status(parts),
            parts.pipelines.secrets,
            wandb_services.gaps,
            BackupDesk(build_backups(parts.settings), parts.notifier),
        ),
        user_name=parts.accounts.default_user,
    )


def _variables(parts: Parts) -> Callable[[str, str], Mapping[str, str]]:
    def variables(user_name: str, key: str) -> Mapping[str, str]:
        secret, prefix = ensure_secret(parts.settings.data_dir), parts.settings.flows_prefix
        return client_variables(parts.url, key, secret, flows_prefix=prefix, user_name=user_name)

    return variables


def _routes(parts: Parts, wandb_services: wandb.WandbServices, tracking: TrackingServices, web: WebServices) -> list[BaseRoute]:
    async def health(request: Request) -> Response:
        status = "ok" if parts.is_ready else "starting"
        return JSONResponse({"status": status, "version": penstock.__version__}, status_code=200 if parts.is_ready else 503)

    status, counts = _process_status(parts), SqlHomePages(parts.database)

    async def metrics(request: Request) -> Response:
        text = exposition(
            version=penstock.__version__,
            slots=status.slots(),
            disk=status.disk(),
            services=status.services(),
            errors=parts.errors.list(),
            runs=await counts.run_states(),
            requests={item.agent: item.requests for item in parts.clients.list()},
        )
        return Response(text, headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    graph = lineage.LineageServices(build_lineage(parts.database, parts.blobs), partial(readable_by, tracking))
    objects = ObjectService(parts.flows.objects, parts.blobs, parts.clock, parts.flows.web.reader.masks.of_key)
    return [
        Route("/healthz", health),
        Route("/metrics", metrics),
        *wandb.busy_routes(wandb_services),
        *sign_in_routes(key_check(parts.keys), tracking.invites),
        *kfp.routes(_kfp_services(parts)),
        *kfp_v1.routes(_kfp_v1_services(parts)),
        *metaflow.routes(_metaflow_services(parts)),
        *s3.routes(s3.S3Services(objects, parts.clock, ensure_secret(parts.settings.data_dir), parts.accounts.standing)),
        *wandb.routes(wandb_services),
        *lineage.routes(graph),
        *triggers.routes(
            triggers.TriggerApi(parts.pipelines.recurring_runs, parts.pipelines.triggers, parts.pipelines.backfills, parts.url)
        ),
        *budget_api.routes(
            budget_api.BudgetApi(
                parts.budgets, parts.pipelines.pipelines, tracking.projects, parts.accounts, partial(caller_of, tracking)
            )
        ),
        *lineage_pages(web, graph.lineage, graph.readable),
        *flow_routes(web, parts.flows.web, prefix=parts.settings.flows_prefix),
        *web_routes(web),
    ]


def _metaflow_services(parts: Parts) -> metaflow.MetaflowServices:
    return metaflow.MetaflowServices(parts.flows.recorder, _publisher(parts), secret_reader(parts.keys, parts.engine.secrets))


def _publisher(parts: Parts) -> Callable[[str, Any, str], Awaitable[int]]:
    async def publish(name: str, payload: Any, delivery: str) -> int:
        return await parts.pipelines.triggers.publish(name, payload, delivery=delivery)

    return publish


def _wandb_services(parts: Parts) -> wandb.WandbServices:
    return build_wandb(
        parts.database,
        parts.settings.data_dir / "tracking",
        parts.tracking,
        keys=parts.keys,
        accounts=parts.accounts,
        blobs=parts.blobs,
        clock=parts.clock,
        ids=parts.ids,
        notifier=parts.notifier,
        automations=parts.automations.rules,
        public_url=parts.settings.server_url,
    )


def _kfp_services(parts: Parts) -> kfp.KfpServices:
    return build_kfp(parts.settings, parts.pipelines, cache=parts.engine.cache, clock=parts.clock, is_ready=lambda: parts.is_ready)


def _kfp_v1_services(parts: Parts) -> kfp_v1.KfpV1Services:
    rooms = parts.pipelines
    return kfp_v1.KfpV1Services(
        experiments=rooms.experiments,
        pipelines=rooms.pipelines,
        versions=rooms.versions,
        definitions=rooms.definitions,
        runs=rooms.runs,
        recurring_runs=rooms.recurring_runs,
        tasks=rooms.tasks,
        artifacts=rooms.artifacts,
        metrics=SqlMetricStore(parts.database),
    )
