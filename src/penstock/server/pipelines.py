"""Wiring of the pipelines room: use cases over the SQL stores and the engine's driver."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.plans import PlanLoader
from penstock.interfaces.runner import Runner
from penstock.pipelines.artifacts import ArtifactService
from penstock.pipelines.backfills import BackfillService
from penstock.pipelines.definitions import Definitions
from penstock.pipelines.experiments import ExperimentService
from penstock.pipelines.pipelines import PipelineService
from penstock.pipelines.recurring_runs import RecurringRunService
from penstock.pipelines.run_removal import RunRemoval
from penstock.pipelines.runs import RunService
from penstock.pipelines.secrets import SecretService
from penstock.pipelines.tasks import TaskService
from penstock.pipelines.triggers import TriggerService
from penstock.pipelines.versions import VersionService
from penstock.server.clock import SystemClock, SystemIds
from penstock.server.config import Settings
from penstock.server.engine import KeepBlobs
from penstock.stores.remote_packages import HttpPackageDownloader
from penstock.stores.run_folders import RunFolders
from penstock.stores.sql.artifacts import SqlArtifactStore
from penstock.stores.sql.backfills import SqlBackfillStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.experiments import SqlExperimentStore
from penstock.stores.sql.pipelines import SqlPipelineStore, SqlVersionStore
from penstock.stores.sql.recurring_runs import SqlRecurringRunStore
from penstock.stores.sql.runs import SqlRunStore
from penstock.stores.sql.secrets import SqlSecretStore
from penstock.stores.sql.specs import SqlSpecStore
from penstock.stores.sql.tasks import SqlTaskStore
from penstock.stores.sql.trigger_events import SqlEditLog, SqlTriggerStore
from penstock.stores.watched_files import WatchedFiles


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """The use cases, and the files of runs."""

    definitions: Definitions
    experiments: ExperimentService
    pipelines: PipelineService
    versions: VersionService
    runs: RunService
    recurring_runs: RecurringRunService
    tasks: TaskService
    artifacts: ArtifactService
    secrets: SecretService
    files: RunFolders
    triggers: TriggerService
    backfills: BackfillService


def zone_of(settings: Settings) -> ZoneInfo:
    """Return the time zone in which cron expressions are read.

    Raises:
        InvalidArgumentError: it is unknown.
    """
    try:
        return ZoneInfo(settings.server_time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidArgumentError(f"server_time_zone: {settings.server_time_zone!r} is not a known time zone") from error


def build_pipelines(
    settings: Settings,
    *,
    database: Database,
    blobs: BlobStore,
    plans: PlanLoader,
    runner: Runner,
    notifier: Notifier,
    clock: SystemClock,
    ids: SystemIds,
) -> PipelineParts:
    """Return the use cases over `database`.

    Raises:
        InvalidArgumentError: the time zone of the settings is unknown.
    """
    zone = zone_of(settings)
    files = RunFolders(settings.data_dir / "runs")
    run_store, experiment_store, pipeline_store = SqlRunStore(database), SqlExperimentStore(database), SqlPipelineStore(database)
    definitions = Definitions(SqlSpecStore(database), plans, clock)
    removal = RunRemoval(run_store, runner, files, KeepBlobs())
    experiments = ExperimentService(experiment_store, run_store, removal, clock=clock, ids=ids, notifier=notifier)
    version_store = SqlVersionStore(database)
    downloader = HttpPackageDownloader()
    versions = VersionService(
        version_store, pipeline_store, definitions, downloader=downloader, clock=clock, ids=ids, notifier=notifier
    )
    runs = RunService(run_store, runner, definitions, versions, experiments, experiment_store, removal, clock=clock, ids=ids)
    recurring_store = SqlRecurringRunStore(database)
    return PipelineParts(
        definitions=definitions,
        experiments=experiments,
        pipelines=PipelineService(pipeline_store, version_store, definitions, clock=clock, ids=ids, notifier=notifier),
        versions=versions,
        runs=runs,
        recurring_runs=RecurringRunService(
            recurring_store, runs, definitions, clock=clock, ids=ids, notifier=notifier, edits=SqlEditLog(database), zone=zone
        ),
        tasks=TaskService(SqlTaskStore(database), files, notifier),
        artifacts=ArtifactService(SqlArtifactStore(database), blobs),
        secrets=SecretService(SqlSecretStore(database), clock),
        files=files,
        triggers=TriggerService(SqlTriggerStore(database), recurring_store, runs, WatchedFiles(), clock=clock, notifier=notifier),
        backfills=BackfillService(SqlBackfillStore(database), recurring_store, runs, clock=clock, ids=ids, notifier=notifier, zone=zone),
    )
