"""Wiring of the web pages: what their forms do, and the parts they read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict
from urllib.parse import urlsplit

import penstock
from penstock.budgets.service import BudgetService
from penstock.domain.catalog import Trigger
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId
from penstock.executors.process.environments import Environments, locked_packages
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.cache import TaskCache
from penstock.interfaces.clock import Clock
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.plans import PlanLoader
from penstock.pipelines.cache_plan import CachePlanService
from penstock.pipelines.recurring_runs import RecurringChange, RecurringRequest
from penstock.pipelines.runs import RunRequest
from penstock.pipelines.schedules import schedule_of
from penstock.pipelines.versions import name_from_file
from penstock.server.pipelines import PipelineParts
from penstock.server.planned_environments import PlannedEnvironments
from penstock.stores.files.attempt_logs import AttemptLogFiles
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
from penstock.web.automation import Automation
from penstock.web.flow_services import FlowWeb
from penstock.web.services import Replays, WebServices
from penstock.web.system_services import SystemServices
from penstock.web.tracking_services import TrackingServices


class PageActions:
    """`web.services.Actions` over the use cases. Values of requests are what the forms send; ids are checked by the use cases."""

    def __init__(
        self, parts: PipelineParts, cache_plan: CachePlanService, environments: PlannedEnvironments, *, zone: tzinfo
    ) -> None:
        self._parts = parts
        self._cache_plan = cache_plan
        self._environments = environments
        self._zone = zone

    async def terminate_run(self, run_id: str) -> None:
        """Begin to stop the run."""
        await self._parts.runs.terminate(RunId(run_id))

    async def pause_run(self, run_id: str) -> None:
        """Start nothing more of the run for now."""
        await self._parts.runs.pause(RunId(run_id))

    async def unpause_run(self, run_id: str) -> None:
        """Go on with a paused run."""
        await self._parts.runs.unpause(RunId(run_id))

    async def retry_run(self, run_id: str) -> None:
        """Run again what did not succeed."""
        await self._parts.runs.retry(RunId(run_id))

    async def archive_run(self, run_id: str) -> None:
        """Hide the run."""
        await self._parts.runs.archive(RunId(run_id))

    async def unarchive_run(self, run_id: str) -> None:
        """Show the run again."""
        await self._parts.runs.unarchive(RunId(run_id))

    async def rename_run(self, run_id: str, name: str, description: str) -> None:
        """Change name and description."""
        await self._parts.runs.update(RunId(run_id), name=name, description=description)

    async def move_run(self, run_id: str, experiment_id: str) -> None:
        """Put the run into another experiment."""
        await self._parts.runs.move(RunId(run_id), ExperimentId(experiment_id))

    async def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to the run."""
        run = await self._parts.runs.get(RunId(run_id))
        await self._parts.runs.update(RunId(run_id), tags={**run.tags, **tags})

    async def delete_run(self, run_id: str) -> None:
        """Remove the run."""
        await self._parts.runs.delete(RunId(run_id))

    async def create_run(self, request: Mapping[str, Any]) -> str:
        """Create a run; see `Actions.create_run`."""
        return (await self._parts.runs.create(_run_request(request))).run_id

    async def create_experiment(self, name: str, description: str) -> str:
        """Create an experiment; return its id."""
        return (await self._parts.experiments.create(name=name, description=description)).experiment_id

    async def write_experiment_notes(self, experiment_id: str, notes: str) -> None:
        """Keep notes about the experiment."""
        await self._parts.experiments.write_notes(ExperimentId(experiment_id), notes)

    async def archive_experiment(self, experiment_id: str) -> None:
        """Hide the experiment and its runs."""
        await self._parts.experiments.archive(ExperimentId(experiment_id))

    async def unarchive_experiment(self, experiment_id: str) -> None:
        """Show the experiment again."""
        await self._parts.experiments.unarchive(ExperimentId(experiment_id))

    async def delete_experiment(self, experiment_id: str) -> None:
        """Remove the experiment and its runs."""
        await self._parts.experiments.delete(ExperimentId(experiment_id))

    async def upload_pipeline(self, *, name: str, description: str, file_name: str, content: bytes) -> tuple[str, str]:
        """Create a pipeline with its first version; return both ids."""
        package = await self._parts.versions.read_package(file_name, content)
        pipeline, version = await self._parts.pipelines.create(name=name, description=description, package=package)
        return pipeline.pipeline_id, version.pipeline_version_id if version else ""

    async def upload_version(self, pipeline_id: str, *, name: str, description: str, file_name: str, content: bytes) -> str:
        """Add a version; return its id."""
        package = await self._parts.versions.read_package(file_name, content)
        version = await self._parts.versions.create(PipelineId(pipeline_id), name=name, description=description, package=package)
        return version.pipeline_version_id

    async def upload_from_url(self, url: str, *, pipeline_id: str | None, name: str, description: str) -> tuple[str, str]:
        """Download a package and make it a pipeline, or a version of `pipeline_id`; return pipeline and version id."""
        package = await self._parts.versions.fetch_package(url)
        name = name or name_from_file(PurePosixPath(urlsplit(url).path).name)
        if pipeline_id is None:
            pipeline, first = await self._parts.pipelines.create(name=name, description=description, package=package)
            return pipeline.pipeline_id, first.pipeline_version_id if first else ""
        version = await self._parts.versions.create(
            PipelineId(pipeline_id), name=name, description=description, package=package, package_url=url
        )
        return pipeline_id, version.pipeline_version_id

    async def delete_pipeline(self, pipeline_id: str) -> None:
        """Remove the pipeline with its versions."""
        await self._parts.pipelines.delete(PipelineId(pipeline_id), cascade=True)

    async def delete_version(self, pipeline_id: str, pipeline_version_id: str) -> None:
        """Remove a version."""
        await self._parts.versions.delete(PipelineVersionId(pipeline_version_id), pipeline_id=PipelineId(pipeline_id))

    async def create_recurring(self, request: Mapping[str, Any]) -> str:
        """Create a schedule that is enabled; return its id."""
        wanted = RecurringRequest(
            run=_run_request(request),
            trigger=_trigger(request.get("trigger") or {}),
            max_concurrency=int(request.get("max_concurrency") or 10),
            no_catchup=not request.get("is_catchup", True),
            is_enabled=True,
        )
        return (await self._parts.recurring_runs.create(wanted)).recurring_run_id

    async def update_recurring(self, recurring_run_id: str, request: Mapping[str, Any]) -> None:
        """Change what the request names."""
        change = RecurringChange(
            display_name=request.get("name"),
            description=request.get("description"),
            parameters=request.get("parameters"),
            pipeline_root=request.get("pipeline_root"),
            trigger=_trigger(request["trigger"]) if request.get("trigger") else None,
            max_concurrency=int(request["max_concurrency"]) if request.get("max_concurrency") else None,
            no_catchup=None if request.get("is_catchup") is None else not request["is_catchup"],
        )
        await self._parts.recurring_runs.update(RecurringRunId(recurring_run_id), change)

    async def enable_recurring(self, recurring_run_id: str) -> None:
        """Start the schedule."""
        await self._parts.recurring_runs.set_enabled(RecurringRunId(recurring_run_id), is_enabled=True)

    async def disable_recurring(self, recurring_run_id: str) -> None:
        """Stop the schedule."""
        await self._parts.recurring_runs.set_enabled(RecurringRunId(recurring_run_id), is_enabled=False)

    async def delete_recurring(self, recurring_run_id: str) -> None:
        """Remove the schedule."""
        await self._parts.recurring_runs.delete(RecurringRunId(recurring_run_id))

    def next_fires(self, trigger: Mapping[str, Any], *, after: float, count: int) -> list[float]:
        """Return the next planned times of a trigger.

        Raises:
            InvalidArgumentError: the trigger cannot be read.
        """
        schedule = schedule_of(_trigger(trigger), anchored_at=after, zone=self._zone)
        times: list[float] = []
        moment: float | None = after
        while len(times) < count and moment is not None and (moment := schedule.first_after(moment)) is not None:
            times.append(moment)
        return times

    async def cache_plan(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say what a run of the request would reuse; see `Actions.cache_plan`."""
        plan = await self._cache_plan.plan(_run_request(request))
        tasks = [task.as_dict() for task in plan.tasks]
        environments = await self._environments.of(plan)
        return {"tasks": tasks, "expected_seconds": plan.expected_seconds, "is_partial": plan.is_partial, "environments": environments}


def _run_request(request: Mapping[str, Any]) -> RunRequest:
    def text(name: str) -> str | None:
        return str(request[name]) if request.get(name) else None

    version_id, pipeline_id, digest = text("pipeline_version_id"), text("pipeline_id"), text("spec_digest")
    experiment_id = text("experiment_id")
    return RunRequest(
        name=str(request.get("name") or ""),
        description=str(request.get("description") or ""),
        experiment_id=ExperimentId(experiment_id) if experiment_id else None,
        spec_digest=Digest(digest) if digest and not version_id else None,
        pipeline_id=PipelineId(pipeline_id) if pipeline_id else None,
        pipeline_version_id=PipelineVersionId(version_id) if version_id else None,
        parameters=dict(request.get("parameters") or {}),
        pipeline_root=str(request.get("pipeline_root") or ""),
        options={"no_cache": True} if request.get("no_cache") else {},
    )


def _trigger(fields: Mapping[str, Any]) -> Trigger:
    try:
        return Trigger(
            cron=str(fields["cron"]) if fields.get("cron") else None,
            interval_seconds=int(fields["interval_seconds"]) if fields.get("interval_seconds") else None,
            start_at=float(start) if (start := fields.get("start_at", fields.get("start"))) is not None else None,
            end_at=float(end) if (end := fields.get("end_at", fields.get("end"))) is not None else None,
        )
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"trigger: {error}") from error


class PageReaders(TypedDict):
    """The read models of `WebServices`, by its field names."""

    runs: SqlRunPages
    run_tables: SqlRunTables
    views: SqlSavedViews
    artifacts: SqlArtifactPages
    catalog: SqlCatalogPages
    home: SqlHomePages
    recent: SqlRecentObjects
    logs: AttemptLogFiles


def page_readers(database: Database, logs: AttemptLogFiles) -> PageReaders:
    """Return what the pages read from a database, and of logs."""
    return PageReaders(
        runs=SqlRunPages(database),
        run_tables=SqlRunTables(database),
        views=SqlSavedViews(database),
        artifacts=SqlArtifactPages(database),
        catalog=SqlCatalogPages(database),
        home=SqlHomePages(database),
        recent=SqlRecentObjects(database),
        logs=logs,
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
        actions=PageActions(parts, CachePlanService(parts.runs, cache, clock), PlannedEnvironments(environments), zone=zone),
        url=url,
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
        automation=Automation(parts.recurring_runs, parts.triggers, parts.backfills, user_name),
    )
