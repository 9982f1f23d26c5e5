"""Every address of the KFP v2beta1 API, in one table. Verbs after a colon come before the bare path, which would swallow them.

Each route is served under `/apis/v2beta1` and, as behind upstream's UI, under `/pipeline/apis/v2beta1`. The last group lists what
this server adds.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from penstock.api.kfp.endpoint import Handler, answering, uploading
from penstock.api.kfp.handlers.artifacts import ArtifactHandlers
from penstock.api.kfp.handlers.experiments import ExperimentHandlers
from penstock.api.kfp.handlers.meta import MetaHandlers, refusal
from penstock.api.kfp.handlers.pipelines import PipelineHandlers, VersionHandlers
from penstock.api.kfp.handlers.recurring_runs import RecurringRunHandlers
from penstock.api.kfp.handlers.runs import RunHandlers
from penstock.api.kfp.handlers.secrets import SecretHandlers
from penstock.api.kfp.handlers.tasks import TaskHandlers
from penstock.api.kfp.handlers.uploads import UploadHandlers
from penstock.api.kfp.services import KfpServices
from penstock.api.unknown import UnknownAddress

PREFIXES = ("", "/pipeline")
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_SOURCES = ("minio", "s3", "gcs", "http", "https")


def routes(services: KfpServices) -> list[BaseRoute]:
    """Return everything the adapter serves, for the server's route table."""
    return [route for prefix in PREFIXES for route in _under(prefix, services)]


def _under(prefix: str, services: KfpServices) -> list[BaseRoute]:
    table = v2beta1(services)
    unknown = Route("/{rest:path}", answering(UnknownAddress(table, refusal)), methods=_METHODS)
    tasks, artifacts = TaskHandlers(services), ArtifactHandlers(services)
    by_source: list[BaseRoute] = [
        _get(f"{prefix}/artifacts/{source}/{{bucket}}/{{key:path}}", artifacts.get_by_path) for source in _SOURCES
    ]
    return [
        Mount(f"{prefix}/apis/v2beta1", routes=[*table, unknown]),
        _get(f"{prefix}/apis/v1alpha1/runs/{{run_id}}/nodes/{{task_id}}/log", tasks.log),
        _get(f"{prefix}/k8s/pod/logs", tasks.pod_log),
        _get(f"{prefix}/artifacts/get", artifacts.get_by_query),
        *by_source,
    ]


def v2beta1(services: KfpServices) -> list[BaseRoute]:
    """Return the routes below `/apis/v2beta1`."""
    return [*_catalog(services), *_runs(services), *_additions(services)]


def _catalog(services: KfpServices) -> list[BaseRoute]:
    meta, experiments, uploads = MetaHandlers(services), ExperimentHandlers(services), UploadHandlers(services)
    pipelines, versions = PipelineHandlers(services), VersionHandlers(services)
    return [
        _get("/healthz", meta.health),
        _get("/auth", meta.auth),
        _post("/experiments", experiments.create),
        _get("/experiments", experiments.list),
        _post("/experiments/{experiment_id}:archive", experiments.archive),
        _post("/experiments/{experiment_id}:unarchive", experiments.unarchive),
        _get("/experiments/{experiment_id}", experiments.get),
        _delete("/experiments/{experiment_id}", experiments.delete),
        Route("/pipelines/upload", uploading(uploads.pipeline), methods=["POST"]),
        Route("/pipelines/upload_version", uploading(uploads.version), methods=["POST"]),
        _post("/pipelines/create", pipelines.create_with_version),
        _get("/pipelines/names/{name}", pipelines.get_by_name),
        _post("/pipelines", pipelines.create),
        _get("/pipelines", pipelines.list),
        _get("/pipelines/{pipeline_id}", pipelines.get),
        _patch("/pipelines/{pipeline_id}", pipelines.update),
        _delete("/pipelines/{pipeline_id}", pipelines.delete),
        _get("/pipelines/{pipeline_id}/versions", versions.list),
        _post("/pipelines/{pipeline_id}/versions", versions.create),
        _get("/pipelines/{pipeline_id}/versions/{version_id}", versions.get),
        _patch("/pipelines/{pipeline_id}/versions/{version_id}", versions.update),
        _delete("/pipelines/{pipeline_id}/versions/{version_id}", versions.delete),
    ]


def _runs(services: KfpServices) -> list[BaseRoute]:
    runs, recurring, artifacts = RunHandlers(services), RecurringRunHandlers(services), ArtifactHandlers(services)
    return [
        _post("/runs", runs.create),
        _get("/runs", runs.list),
        _post("/runs/{run_id}:archive", runs.archive),
        _post("/runs/{run_id}:unarchive", runs.unarchive),
        _post("/runs/{run_id}:terminate", runs.terminate),
        _post("/runs/{run_id}:retry", runs.retry),
        _post("/runs/{run_id}:pause", runs.pause),
        _post("/runs/{run_id}:unpause", runs.unpause),
        _get("/runs/{run_id}", runs.get),
        _delete("/runs/{run_id}", runs.delete),
        _get("/runs/{run_id}/nodes/{task_id}/artifacts/{name}:read", artifacts.read_node),
        _post("/recurringruns", recurring.create),
        _get("/recurringruns", recurring.list),
        _post("/recurringruns/{recurring_run_id}:enable", recurring.enable),
        _post("/recurringruns/{recurring_run_id}:disable", recurring.disable),
        _get("/recurringruns/{recurring_run_id}", recurring.get),
        _delete("/recurringruns/{recurring_run_id}", recurring.delete),
    ]


def _additions(services: KfpServices) -> list[BaseRoute]:
    runs, recurring, tasks, artifacts = (
        RunHandlers(services),
        RecurringRunHandlers(services),
        TaskHandlers(services),
        ArtifactHandlers(services),
    )
    found: list[BaseRoute] = [
        _patch("/runs/{run_id}", runs.update),
        _post("/runs:planCache", runs.plan_cache),
        _patch("/recurringruns/{recurring_run_id}", recurring.update),
        _get("/recurringruns/{recurring_run_id}/ticks", recurring.ticks),
        _get("/tasks", tasks.list),
        _get("/tasks/{task_id}", tasks.get),
        _get("/tasks/{task_id}/log", tasks.log),
        _get("/tasks/{task_id}/attempts/{attempt}/log", tasks.log),
        _get("/runs/{run_id}/tasks", tasks.list),
        _get("/runs/{run_id}/tasks/{task_id}", tasks.get),
        _get("/runs/{run_id}/tasks/{task_id}/log", tasks.log),
        _get("/runs/{run_id}/tasks/{task_id}/attempts/{attempt}/log", tasks.log),
        _get("/runs/{run_id}/tasks/{task_id}/artifacts/{name}", artifacts.download_output),
        _get("/runs/{run_id}/nodes/{task_id}/log", tasks.log),
        _get("/runs/{run_id}/artifacts", artifacts.list),
        _get("/artifacts", artifacts.list),
        _get("/artifacts/{artifact_id}:download", artifacts.download),
        _get("/artifacts/{artifact_id}/files", artifacts.files),
        _get("/artifacts/{artifact_id}", artifacts.get),
        _get("/artifact_tasks", artifacts.uses),
    ]
    for kind in ("secret", "configmap"):
        secrets = SecretHandlers(services, kind)
        found += [
            _get(f"/{kind}s", secrets.list),
            Route(f"/{kind}s/{{name}}", answering(secrets.put), methods=["PUT", "PATCH"]),
            _delete(f"/{kind}s/{{name}}", secrets.delete),
        ]
    return found


def _get(path: str, handler: Handler) -> Route:
    return Route(path, answering(handler), methods=["GET"])


def _post(path: str, handler: Handler) -> Route:
    return Route(path, answering(handler), methods=["POST"])


def _patch(path: str, handler: Handler) -> Route:
    return Route(path, answering(handler), methods=["PATCH"])


def _delete(path: str, handler: Handler) -> Route:
    return Route(path, answering(handler), methods=["DELETE"])
