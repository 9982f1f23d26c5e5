"""Wiring of the engine: journal, cache, process executor, driver, and what connects them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.api.s3.signature import ACCESS_KEY_PREFIX
from penstock.domain.ids import Digest
from penstock.engine.cache_key import miss_reason
from penstock.engine.driver import DriverSettings, RunDriver
from penstock.engine.performer import Ports
from penstock.executors.process import namespaces
from penstock.executors.process.environments import Environments, EnvironmentSettings
from penstock.executors.process.executor import ExecutorSettings, Overruling, ProcessExecutor, TaskEnvironment
from penstock.executors.process.interpreters import Interpreters, by_version
from penstock.executors.process.limits import find_limiter
from penstock.executors.process.machine import machine_capacity
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.dialect import Dialect
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.plans import PlanLoader
from penstock.server.clock import LoopTimers, SystemClock, SystemIds
from penstock.server.config import Settings
from penstock.server.workspaces import RunWorkspaces
from penstock.spec.argo.runtime import ArgoDialect
from penstock.spec.kfp.runtime.dialect import KfpDialect
from penstock.stores.buckets import Buckets
from penstock.stores.files.attempt_logs import AttemptLogFiles
from penstock.stores.sql.cache import CacheSettings, SqlTaskCache
from penstock.stores.sql.database import Database
from penstock.stores.sql.journal import SqlRunJournal
from penstock.stores.sql.secrets import SqlSecretStore


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What drives runs."""

    journal: SqlRunJournal
    cache: SqlTaskCache
    executor: ProcessExecutor
    environments: Environments
    """Of its tasks."""
    logs: AttemptLogFiles
    """Of its attempts, without values of secrets."""
    driver: RunDriver
    dialects: Mapping[str, Dialect]
    """What prepares attempts, by name."""
    secrets: SqlSecretStore
    """What they may look up."""
    limiter_name: str
    """How limits of tasks are enforced."""
    has_namespaces: bool
    """Whether literal paths work by bind mounts."""


def build_engine(
    settings: Settings,
    *,
    database: Database,
    blobs: BlobStore,
    plans: PlanLoader,
    notifier: Notifier,
    clock: SystemClock,
    ids: SystemIds,
    task_environment: TaskEnvironment | None,
    overruling: Overruling | None = None,
) -> EngineParts:
    """Return the parts; `driver.start` starts them.

    Args:
        settings: the server's.
        database: where runs are.
        blobs: where artifact bytes are.
        plans: lowers stored definitions.
        notifier: told of changes.
        clock: wall clock.
        ids: fresh ids.
        task_environment: extra variables for every task.
        overruling: variables that go over those of a task.
    """
    journal = SqlRunJournal(database)
    limiter = find_limiter()
    has_namespaces = namespaces.probe()
    remote = Buckets(own_keys=ACCESS_KEY_PREFIX)
    workspaces = RunWorkspaces(settings.data_dir / "runs", blobs, remote)
    dialects: dict[str, Dialect] = {"kfp": KfpDialect(), "argo": ArgoDialect()}
    secret_store = SqlSecretStore(database)
    environments = _environments(settings)
    executor = ProcessExecutor(
        settings.data_dir,
        dialects=dialects,
        secrets=secret_store,
        blobs=blobs,
        environments=environments,
        limiter=limiter,
        clock=clock,
        ids=ids,
        settings=_executor_settings(settings),
        has_namespace=has_namespaces,
        task_environment=task_environment,
        overruling=overruling,
        secret_store=secret_store,
        remote=remote,
    )
    cache = SqlTaskCache(
        database,
        has=blobs.has,
        miss_reason=miss_reason,
        settings=CacheSettings(is_enabled=settings.cache_enabled, max_age_seconds=settings.cache_expiry_seconds or None),
    )
    ports = Ports(
        journal=journal,
        cache=cache,
        executor=executor,
        plans=plans,
        notifier=notifier,
        clock=clock,
        timers=LoopTimers(),
        ids=ids,
        stager=workspaces,
        workspace_of=lambda run_id: str(workspaces.path(run_id)),
        has_content=blobs.has,
    )
    driver = RunDriver(ports, DriverSettings(grace_seconds=settings.executor_grace_seconds))
    logs = AttemptLogFiles(settings.data_dir, executor.masks_of)
    return EngineParts(journal, cache, executor, environments, logs, driver, dialects, secret_store, limiter.name, has_namespaces)


def _executor_settings(settings: Settings) -> ExecutorSettings:
    capacity = machine_capacity(
        slots=settings.slots,
        cpus=settings.executor_cpus,
        memory_bytes=settings.executor_memory_bytes,
        accelerators=settings.executor_accelerators,
    )
    return ExecutorSettings(
        capacity=capacity,
        grace_seconds=settings.executor_grace_seconds,
        tells_streams_apart=settings.executor_separate_stderr,
        base_environment=settings.task_variables,
    )


def _environments(settings: Settings) -> Environments:
    # Before the server's own loop runs: listed interpreters are asked once who they are.
    listed = asyncio.run(by_version(settings.executor_interpreters)) if settings.executor_interpreters else {}
    constraints = Path(settings.executor_constraints).expanduser() if settings.executor_constraints else None
    return Environments(
        settings.data_dir / "envs",
        Interpreters(listed, is_strict=settings.executor_strict_python),
        EnvironmentSettings(
            index_urls=settings.executor_index_urls,
            find_links=settings.executor_find_links,
            constraints=constraints,
            is_offline=settings.executor_offline,
        ),
    )


class KeepBlobs:
    """Frees nothing at once (`interfaces.run_files.BlobReleaser`): `background.blob_collector` frees what lost its last reference."""

    async def release(self, digests: Sequence[Digest]) -> None:
        """Do nothing."""
