"""Every URL of v1beta1, in one list, below both `/apis/v1beta1` and `/pipeline/apis/v1beta1`."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import penstock
from penstock.api.http import Status
from penstock.api.kfp_v1.errors import envelope
from penstock.api.kfp_v1.handlers.endpoint import Handler, answer, guarded
from penstock.api.kfp_v1.handlers.experiments import ExperimentHandlers
from penstock.api.kfp_v1.handlers.jobs import JobHandlers
from penstock.api.kfp_v1.handlers.pipelines import PipelineHandlers
from penstock.api.kfp_v1.handlers.runs import RunHandlers
from penstock.api.kfp_v1.names import ReferenceNames
from penstock.api.unknown import UnknownAddress
from penstock.interfaces.metric_store import MetricStore
from penstock.pipelines.artifacts import ArtifactService
from penstock.pipelines.definitions import Definitions
from penstock.pipelines.experiments import ExperimentService
from penstock.pipelines.pipelines import PipelineService
from penstock.pipelines.recurring_runs import RecurringRunService
from penstock.pipelines.runs import RunService
from penstock.pipelines.tasks import TaskService
from penstock.pipelines.versions import VersionService

PREFIXES = ("/apis/v1beta1", "/pipeline/apis/v1beta1")


@dataclass(frozen=True, slots=True)
class KfpV1Services:
    """What the adapter needs."""

    experiments: ExperimentService
    pipelines: PipelineService
    versions: VersionService
    definitions: Definitions
    runs: RunService
    recurring_runs: RecurringRunService
    tasks: TaskService
    artifacts: ArtifactService
    metrics: MetricStore


async def _health(request: Request) -> Response:
    del request
    return answer({"commit_sha": "", "tag_name": penstock.__version__, "multi_user": False})


def _refusal(status: Status, message: str) -> Response:
    return answer(envelope(message, status.code), status=status.http)


def routes(services: KfpV1Services) -> list[BaseRoute]:
    """Return the routes."""
    names = ReferenceNames(services.experiments, services.pipelines, services.versions, services.recurring_runs)
    experiments = ExperimentHandlers(services.experiments)
    pipelines = PipelineHandlers(services.pipelines, services.versions, services.definitions)
    runs = RunHandlers(services.runs, services.tasks, services.artifacts, services.metrics, names)
    jobs = JobHandlers(services.recurring_runs, names)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/healthz", _health),
        ("POST", "/experiments", experiments.create),
        ("GET", "/experiments", experiments.list_page),
        ("POST", "/experiments/{id}:archive", experiments.archive),
        ("POST", "/experiments/{id}:unarchive", experiments.unarchive),
        ("GET", "/experiments/{id}", experiments.get),
        ("DELETE", "/experiments/{id}", experiments.delete),
        ("POST", "/pipelines/upload", pipelines.upload),
        ("POST", "/pipelines/upload_version", pipelines.upload_version),
        ("POST", "/pipelines", pipelines.create),
        ("GET", "/pipelines", pipelines.list_page),
        ("GET", "/pipelines/{id}/templates", pipelines.template),
        ("POST", "/pipelines/{id}/default_version/{version}", pipelines.set_default),
        ("GET", "/pipelines/{id}", pipelines.get),
        ("DELETE", "/pipelines/{id}", pipelines.delete),
        ("GET", "/namespaces/{namespace}/pipelines/{name}", pipelines.get_by_name),
        ("POST", "/pipeline_versions", pipelines.create_version),
        ("GET", "/pipeline_versions", pipelines.list_versions),
        ("GET", "/pipeline_versions/{id}/templates", pipelines.version_template),
        ("GET", "/pipeline_versions/{id}", pipelines.get_version),
        ("DELETE", "/pipeline_versions/{id}", pipelines.delete_version),
        ("POST", "/runs", runs.create),
        ("GET", "/runs", runs.list_page),
        ("POST", "/runs/{id}:archive", runs.archive),
        ("POST", "/runs/{id}:unarchive", runs.unarchive),
        ("POST", "/runs/{id}:reportMetrics", runs.report_metrics),
        ("POST", "/runs/{id}/terminate", runs.terminate),
        ("POST", "/runs/{id}/retry", runs.retry),
        ("GET", "/runs/{id}/nodes/{node}/artifacts/{name}:read", runs.read_artifact),
        ("GET", "/runs/{id}", runs.get),
        ("DELETE", "/runs/{id}", runs.delete),
        ("POST", "/jobs", jobs.create),
        ("GET", "/jobs", jobs.list_page),
        ("POST", "/jobs/{id}/enable", jobs.enable),
        ("POST", "/jobs/{id}/disable", jobs.disable),
        ("GET", "/jobs/{id}", jobs.get),
        ("DELETE", "/jobs/{id}", jobs.delete),
    ]
    found: list[BaseRoute] = []
    for prefix in PREFIXES:
        known: list[BaseRoute] = [Route(prefix + path, guarded(handler), methods=[method]) for method, path, handler in table]
        unknown = guarded(UnknownAddress(known, _refusal))
        found += [*known, Route(prefix + "/{path:path}", unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
    return found
