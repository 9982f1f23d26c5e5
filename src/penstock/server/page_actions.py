"""What the forms of the pages do, over the use cases: the classes of `web.services.actions`.

Values of requests are what the forms send; ids are checked by the use cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from penstock.domain.catalog import Trigger
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import Digest, ExperimentId, PipelineId, PipelineVersionId, RecurringRunId, RunId
from penstock.executors.process.environments import Environments
from penstock.interfaces.cache import TaskCache
from penstock.interfaces.clock import Clock
from penstock.pipelines.backfill_costs import BackfillCosts
from penstock.pipelines.cache_plan import CachePlanService
from penstock.pipelines.experiments import ExperimentService
from penstock.pipelines.pipelines import PipelineService
from penstock.pipelines.recurring_runs import RecurringChange, RecurringRequest, RecurringRunService
from penstock.pipelines.runs import RunRequest, RunService
from penstock.pipelines.schedules import check_trigger, series_of
from penstock.pipelines.versions import VersionService, name_from_file
from penstock.server.pipelines import PipelineParts
from penstock.server.planned_environments import PlannedEnvironments
from penstock.stores.sql.backfills import SqlBackfillStore
from penstock.stores.sql.database import Database
from penstock.web.services.actions import Actions
from penstock.web.services.automation import Automation


def build_actions(parts: PipelineParts, *, cache: TaskCache, clock: Clock, environments: Environments, zone: tzinfo) -> Actions:
    """Return what the forms may do."""
    plan = CachePlanService(parts.runs, cache, clock)
    return Actions(
        RunForms(parts.runs, plan, PlannedEnvironments(environments)),
        ExperimentForms(parts.experiments),
        PipelineForms(parts.pipelines, parts.versions),
        RecurringRunForms(parts.recurring_runs, zone),
    )


def build_automation(parts: PipelineParts, database: Database, *, cache: TaskCache, clock: Clock, user_name: str) -> Automation:
    """Return what the pages of recurring runs act through."""
    costs = BackfillCosts(SqlBackfillStore(database), parts.recurring_runs, CachePlanService(parts.runs, cache, clock))
    return Automation(parts.recurring_runs, parts.triggers, parts.backfills, costs, user_name)


class RunForms:
    """Starts, steers and files runs."""

    def __init__(self, runs: RunService, cache_plan: CachePlanService, environments: PlannedEnvironments) -> None:
        self._runs = runs
        self._cache_plan = cache_plan
        self._environments = environments

    async def terminate(self, run_id: str) -> None:
        """Begin to stop the run."""
        await self._runs.terminate(RunId(run_id))

    async def pause(self, run_id: str) -> None:
        """Start nothing more of the run for now."""
        await self._runs.pause(RunId(run_id))

    async def unpause(self, run_id: str) -> None:
        """Go on with a paused run."""
        await self._runs.unpause(RunId(run_id))

    async def retry(self, run_id: str) -> None:
        """Run again what did not succeed."""
        await self._runs.retry(RunId(run_id))

    async def archive(self, run_id: str) -> None:
        """Hide the run."""
        await self._runs.archive(RunId(run_id))

    async def unarchive(self, run_id: str) -> None:
        """Show the run again."""
        await self._runs.unarchive(RunId(run_id))

    async def rename(self, run_id: str, name: str, description: str) -> None:
        """Change name and description."""
        await self._runs.update(RunId(run_id), name=name, description=description)

    async def move(self, run_id: str, experiment_id: str) -> None:
        """Put the run into another experiment."""
        await self._runs.move(RunId(run_id), ExperimentId(experiment_id))

    async def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to the run."""
        run = await self._runs.get(RunId(run_id))
        await self._runs.update(RunId(run_id), tags={**run.tags, **tags})

    async def untag(self, run_id: str, given: Mapping[str, str], before: Mapping[str, str]) -> None:
        """Take tags off; see `RunActions.untag`."""
        run = await self._runs.get(RunId(run_id))
        undone = {key for key, value in given.items() if run.tags.get(key) == value}
        kept = {key: value for key, value in run.tags.items() if key not in undone or key in before}
        await self._runs.update(RunId(run_id), tags=kept | {key: before[key] for key in undone if key in before})

    async def delete(self, run_id: str) -> None:
        """Remove the run."""
        await self._runs.delete(RunId(run_id))

    async def create(self, request: Mapping[str, Any]) -> str:
        """Create a run; see `RunActions.create`."""
        return (await self._runs.create(_run_request(request))).run_id

    async def cache_plan(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say what a run of the request would reuse; see `RunActions.cache_plan`."""
        plan = await self._cache_plan.plan(_run_request(request))
        tasks = [task.as_dict() for task in plan.entries]
        environments = await self._environments.of(plan)
        return {"tasks": tasks, "expected_seconds": plan.expected_seconds, "is_partial": plan.is_partial, "environments": environments}


class ExperimentForms:
    """Makes and files experiments."""

    def __init__(self, experiments: ExperimentService) -> None:
        self._experiments = experiments

    async def create(self, name: str, description: str) -> str:
        """Create an experiment; return its id."""
        return (await self._experiments.create(name=name, description=description)).experiment_id

    async def write_notes(self, experiment_id: str, notes: str) -> None:
        """Keep notes about the experiment."""
        await self._experiments.write_notes(ExperimentId(experiment_id), notes)

    async def archive(self, experiment_id: str) -> None:
        """Hide the experiment and its runs."""
        await self._experiments.archive(ExperimentId(experiment_id))

    async def unarchive(self, experiment_id: str) -> None:
        """Show the experiment again."""
        await self._experiments.unarchive(ExperimentId(experiment_id))

    async def delete(self, experiment_id: str) -> None:
        """Remove the experiment and its runs."""
        await self._experiments.delete(ExperimentId(experiment_id))


class PipelineForms:
    """Uploads and removes pipelines and their versions."""

    def __init__(self, pipelines: PipelineService, versions: VersionService) -> None:
        self._pipelines = pipelines
        self._versions = versions

    async def upload(self, *, name: str, description: str, file_name: str, content: bytes) -> tuple[str, str]:
        """Create a pipeline with its first version; return both ids."""
        package = await self._versions.read_package(file_name, content)
        pipeline, version = await self._pipelines.create(name=name, description=description, package=package)
        return pipeline.pipeline_id, version.pipeline_version_id if version else ""

    async def upload_version(self, pipeline_id: str, *, name: str, description: str, file_name: str, content: bytes) -> str:
        """Add a version; return its id."""
        package = await self._versions.read_package(file_name, content)
        version = await self._versions.create(PipelineId(pipeline_id), name=name, description=description, package=package)
        return version.pipeline_version_id

    async def upload_from_url(self, url: str, *, pipeline_id: str | None, name: str, description: str) -> tuple[str, str]:
        """Download a package and make it a pipeline, or a version of `pipeline_id`; return pipeline and version id."""
        package = await self._versions.fetch_package(url)
        name = name or name_from_file(PurePosixPath(urlsplit(url).path).name)
        if pipeline_id is None:
            pipeline, first = await self._pipelines.create(name=name, description=description, package=package)
            return pipeline.pipeline_id, first.pipeline_version_id if first else ""
        version = await self._versions.create(PipelineId(pipeline_id), name=name, description=description, package=package, package_url=url)
        return pipeline_id, version.pipeline_version_id

    async def delete(self, pipeline_id: str) -> None:
        """Remove the pipeline with its versions."""
        await self._pipelines.delete(PipelineId(pipeline_id), cascade=True)

    async def delete_version(self, pipeline_id: str, pipeline_version_id: str) -> None:
        """Remove a version."""
        await self._versions.delete(PipelineVersionId(pipeline_version_id), pipeline_id=PipelineId(pipeline_id))


class RecurringRunForms:
    """Sets up and switches recurring runs."""

    def __init__(self, recurring_runs: RecurringRunService, zone: tzinfo) -> None:
        self._recurring_runs = recurring_runs
        self._zone = zone

    async def create(self, request: Mapping[str, Any]) -> str:
        """Create a schedule that is enabled; return its id."""
        wanted = RecurringRequest(
            run=_run_request(request),
            trigger=_trigger(request.get("trigger") or {}),
            max_concurrency=int(request.get("max_concurrency") or 10),
            no_catchup=not request.get("is_catchup", True),
            is_enabled=True,
        )
        return (await self._recurring_runs.create(wanted)).recurring_run_id

    async def update(self, recurring_run_id: str, request: Mapping[str, Any], *, by: str = "") -> None:
        """Change what the request names. A trigger that is as it was goes on counting from where it did."""
        trigger = _trigger(request["trigger"]) if request.get("trigger") else None
        before = await self._recurring_runs.get(RecurringRunId(recurring_run_id))
        change = RecurringChange(
            run=_run_request(request),
            display_name=request.get("name"),
            description=request.get("description"),
            parameters=request.get("parameters"),
            pipeline_root=request.get("pipeline_root"),
            trigger=trigger if trigger != before.trigger else None,
            max_concurrency=int(request["max_concurrency"]) if request.get("max_concurrency") else None,
            no_catchup=None if request.get("is_catchup") is None else not request["is_catchup"],
            seen_at=request.get("seen_at"),
        )
        await self._recurring_runs.update(RecurringRunId(recurring_run_id), change, by=by)

    async def enable(self, recurring_run_id: str) -> None:
        """Start the schedule."""
        await self._recurring_runs.set_enabled(RecurringRunId(recurring_run_id), is_enabled=True)

    async def disable(self, recurring_run_id: str) -> None:
        """Stop the schedule."""
        await self._recurring_runs.set_enabled(RecurringRunId(recurring_run_id), is_enabled=False)

    async def delete(self, recurring_run_id: str) -> None:
        """Remove the schedule."""
        await self._recurring_runs.delete(RecurringRunId(recurring_run_id))

    def next_fires(self, trigger: Mapping[str, Any], *, after: float, count: int, anchored_at: float | None = None) -> list[float]:
        """Return the next planned times of a trigger that was set at `anchored_at`; None: that is set now.

        Raises:
            InvalidArgumentError: the trigger cannot be read.
        """
        wanted = _trigger(trigger)
        if anchored_at is None:
            check_trigger(wanted, anchored_at=after, zone=self._zone)
        schedule = series_of(wanted, anchored_at=after if anchored_at is None else anchored_at, zone=self._zone)
        times: list[float] = []
        moment: float | None = after
        while len(times) < count and moment is not None and (moment := schedule.first_after(moment)) is not None:
            times.append(moment)
        return times


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
