"""Runs of v1beta1: create, read with Argo status, archive, terminate, retry, metrics, artifacts."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from penstock.api.kfp_v1.convert.runs import manifest_with, run_to_wire
from penstock.api.kfp_v1.convert.values import compact, parameters_from_wire, referenced_id
from penstock.api.kfp_v1.convert.workflow_status import workflow_status
from penstock.api.kfp_v1.handlers.endpoint import answer, in_our_words, list_request, of_resource, read_object, resource_key
from penstock.api.kfp_v1.names import ReferenceNames
from penstock.api.objects_seen import note_made
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import ArtifactId, ExperimentId, PipelineId, PipelineVersionId, RunId, node_task
from penstock.domain.metrics import RunMetric
from penstock.domain.states import TaskType
from penstock.interfaces.metric_store import MetricStore
from penstock.interfaces.run_store import RunView
from penstock.pipelines.artifacts import ArtifactService
from penstock.pipelines.filters import RUN_FIELDS
from penstock.pipelines.paging import open_list
from penstock.pipelines.runs import RunRequest, RunService
from penstock.pipelines.tasks import TaskService
from penstock.spec.packages import Package

MAX_PARAMETER_BYTES = 10_000
_REFERENCES = {"PIPELINE": "pipeline_id", "PIPELINE_VERSION": "pipeline_version_id", "JOB": "recurring_run_id"}
_METRIC_NAME = re.compile(r"[a-zA-Z]([-_a-zA-Z0-9]{0,62}[a-zA-Z0-9])?")


@dataclass(frozen=True, slots=True)
class RunHandlers:
    """Handlers over the run use cases."""

    runs: RunService
    tasks: TaskService
    artifacts: ArtifactService
    metrics: MetricStore
    names: ReferenceNames

    async def create(self, request: Request) -> Response:
        """POST /runs."""
        body = await read_object(request)
        run = await self.runs.create(run_request(body))
        note_made(request.scope, "run", run.run_id)
        return answer(await self._detail(run))

    async def list_page(self, request: Request) -> Response:
        """GET /runs; without the workflows' status."""
        of_what = of_resource(request, _REFERENCES)
        opened = in_our_words(open_list(list_request(request), RUN_FIELDS, operation_key="op", extra=of_what))
        experiment_id = resource_key(request, "EXPERIMENT")
        page = await self.runs.page(opened, experiment_id=ExperimentId(experiment_id) if experiment_id else None)
        items = await self._wires(page.items)
        return answer(compact({"runs": items, "total_size": page.total, "next_page_token": opened.next_token(page)}))

    async def get(self, request: Request) -> Response:
        """GET /runs/{id}."""
        return answer(await self._detail(await self.runs.get(_id(request))))

    async def delete(self, request: Request) -> Response:
        """DELETE /runs/{id}."""
        await self.runs.delete(_id(request))
        return answer({})

    async def archive(self, request: Request) -> Response:
        """POST /runs/{id}:archive."""
        await self.runs.archive(_id(request))
        return answer({})

    async def unarchive(self, request: Request) -> Response:
        """POST /runs/{id}:unarchive."""
        await self.runs.unarchive(_id(request))
        return answer({})

    async def terminate(self, request: Request) -> Response:
        """POST /runs/{id}/terminate."""
        await self.runs.terminate(_id(request))
        return answer({})

    async def retry(self, request: Request) -> Response:
        """POST /runs/{id}/retry."""
        await self.runs.retry(_id(request))
        return answer({})

    async def report_metrics(self, request: Request) -> Response:
        """POST /runs/{id}:reportMetrics; each metric has its own outcome."""
        run = await self.runs.get(_id(request))
        body = await read_object(request)
        items = body.get("metrics")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise InvalidArgumentError("metrics must be a list of objects")
        valid: list[RunMetric] = []
        results: list[dict[str, Any]] = []
        for item in items:
            metric, fault = _metric(run.run_id, item)
            results.append({"metric_name": item.get("name", ""), "metric_node_id": item.get("node_id", ""), "status": fault or "OK"})
            if metric is not None:
                valid.append(metric)
        stored = iter(await self.metrics.report(valid))
        for result in results:
            if result["status"] == "OK" and not next(stored):
                result["status"] = "DUPLICATE_REPORTING"
                result["message"] = "the metric was reported before"
        return answer({"results": results})

    async def read_artifact(self, request: Request) -> Response:
        """GET /runs/{id}/nodes/{node}/artifacts/{name}:read, as base64 of a gzip tar."""
        run = await self.runs.get(_id(request))
        node = request.path_params["node"]
        if node == run.resource_name:
            raise NotFoundError("the workflow's root node has no artifacts")
        view = await self.artifacts.output_of(run.run_id, node_task(node)[0], request.path_params["name"])
        return answer({"data": base64.b64encode(await self.artifacts.archive_bytes(view)).decode()})

    async def _wires(self, runs: Sequence[RunView]) -> list[dict[str, Any]]:
        specs = await self.runs.specs_of(runs)
        metrics = await self.metrics.of_runs([run.run_id for run in runs])
        names = await self.names.of_runs(runs)
        return [
            run_to_wire(run, spec=specs.get(run.spec_digest) if run.spec_digest else None, metrics=metrics.get(run.run_id, ()), names=names)
            for run in runs
        ]

    async def _detail(self, run: RunView) -> dict[str, Any]:
        wire = (await self._wires([run]))[0]
        spec = (await self.runs.specs_of([run])).get(run.spec_digest) if run.spec_digest else None
        tasks = await self.tasks.of_run(run.run_id)
        wanted = {
            ArtifactId(artifact_id)
            for task in tasks
            if task.type in {TaskType.RUNTIME, TaskType.IMPORTER}
            for side in (task.inputs, task.outputs)
            for ids in (side.get("artifacts") or {}).values()
            for artifact_id in ids
        }
        manifest = orjson.loads(spec.content) if spec is not None and run.kind == "argo" else {}
        retried = [task.task_id for task in tasks if task.attempts > 1]
        attempts = {task_id: await self.tasks.attempts(task_id) for task_id in retried}
        status = workflow_status(run, tasks, await self.artifacts.views(sorted(wanted)), manifest, attempts)
        runtime: dict[str, Any] = {}
        if spec is not None and run.kind == "argo":
            runtime["workflow_manifest"] = manifest_with(manifest, run, status)
        elif spec is not None:
            skeleton = {"metadata": {"name": run.resource_name, "uid": run.run_id}, "spec": {}, "status": status}
            runtime = {"pipeline_manifest": spec.content, "workflow_manifest": orjson.dumps(skeleton).decode()}
        return compact({"run": wire, "pipeline_runtime": runtime})


def run_request(body: dict[str, Any]) -> RunRequest:
    """The use case's request in the body of a run or job.

    Raises:
        InvalidArgumentError: no name, no or two definitions, a manifest that is not JSON, too many parameters.

    Semantics: parameters come as a list of texts, or with their types in `runtime_config`, which pipelines of kfp 2 have.
    """
    spec = body.get("pipeline_spec") or body.get("pipelineSpec") or {}
    if not isinstance(spec, dict):
        raise InvalidArgumentError("pipeline_spec must be an object")
    manifest = spec.get("workflow_manifest") or spec.get("workflowManifest")
    pipeline_manifest = spec.get("pipeline_manifest") or spec.get("pipelineManifest")
    pipeline_id = spec.get("pipeline_id") or spec.get("pipelineId") or referenced_id(body, "PIPELINE")
    version_id = referenced_id(body, "PIPELINE_VERSION")
    if manifest and (pipeline_id or version_id):
        raise InvalidArgumentError("give either a workflow manifest or a pipeline, not both")
    parameters = parameters_from_wire(spec.get("parameters"))
    if sum(len(name) + len(value) for name, value in parameters.items()) > MAX_PARAMETER_BYTES:
        raise InvalidArgumentError(f"the parameters are longer than {MAX_PARAMETER_BYTES} bytes")
    runtime = spec.get("runtime_config") or spec.get("runtimeConfig") or {}
    typed = runtime.get("parameters") if isinstance(runtime, dict) else None
    if not isinstance(runtime, dict) or not isinstance(typed, dict | None):
        raise InvalidArgumentError("runtime_config must be an object, and its parameters too")
    if parameters and typed:
        raise InvalidArgumentError("give either parameters or those of runtime_config, not both")
    package = None
    if manifest:
        package = Package("argo", _json_object(manifest, "workflow_manifest"), str(manifest))
    elif pipeline_manifest:
        package = Package("kfp", _json_object(pipeline_manifest, "pipeline_manifest"), str(pipeline_manifest))
    experiment_id = referenced_id(body, "EXPERIMENT")
    return RunRequest(
        name=str(body.get("name") or ""),
        description=str(body.get("description") or ""),
        experiment_id=ExperimentId(experiment_id) if experiment_id else None,
        package=package,
        pipeline_id=PipelineId(pipeline_id) if pipeline_id else None,
        pipeline_version_id=PipelineVersionId(version_id) if version_id else None,
        parameters=typed or parameters,
        pipeline_root=str(runtime.get("pipeline_root") or runtime.get("pipelineRoot") or ""),
        are_texts=not typed,
        service_account=str(body.get("service_account") or ""),
    )


def _json_object(text: Any, field: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"{field} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidArgumentError(f"{field} must be a JSON object as text")
    return value


def _metric(run_id: RunId, item: dict[str, Any]) -> tuple[RunMetric | None, str]:
    name, number = item.get("name"), item.get("number_value", item.get("numberValue", 0))
    if not isinstance(name, str) or not _METRIC_NAME.fullmatch(name) or not isinstance(number, int | float) or isinstance(number, bool):
        return None, "INVALID_ARGUMENT"
    node = str(item.get("node_id") or item.get("nodeId") or "")
    return RunMetric(run_id, node, name, float(number), str(item.get("format") or "UNSPECIFIED")), ""


def _id(request: Request) -> RunId:
    return RunId(request.path_params["id"])
