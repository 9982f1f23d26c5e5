"""Runs as v1beta1 objects, whichever client made them (kfp 1.8 protocol notes, sections 2.1 and 8.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from penstock.api.kfp_v1.convert.values import compact, parameters_to_wire, reference, time_to_wire
from penstock.domain.catalog import StoredSpec
from penstock.domain.execution import DEFAULT_NAMESPACE
from penstock.domain.metrics import RunMetric
from penstock.domain.states import RuntimeState
from penstock.interfaces.run_store import RunView

STATUS = {
    RuntimeState.PENDING: "Pending",
    RuntimeState.RUNNING: "Running",
    RuntimeState.SUCCEEDED: "Succeeded",
    RuntimeState.SKIPPED: "Skipped",
    RuntimeState.FAILED: "Failed",
    RuntimeState.CANCELING: "Terminating",
    RuntimeState.CANCELED: "Failed",
    RuntimeState.PAUSED: "Pending",
}
"""v1 knows no canceled runs: a terminated workflow ends Failed."""

STATES_OF_STATUS = {
    "Pending": (RuntimeState.PENDING, RuntimeState.PAUSED),
    "Running": (RuntimeState.RUNNING,),
    "Succeeded": (RuntimeState.SUCCEEDED,),
    "Skipped": (RuntimeState.SKIPPED,),
    "Failed": (RuntimeState.FAILED, RuntimeState.CANCELED),
    "Error": (RuntimeState.FAILED,),
    "Terminating": (RuntimeState.CANCELING,),
}


def metric_to_wire(metric: RunMetric) -> dict[str, Any]:
    """A RunMetric."""
    return {"name": metric.name, "node_id": metric.task_id, "number_value": metric.number, "format": metric.format}


def run_to_wire(
    run: RunView,
    *,
    spec: StoredSpec | None,
    metrics: Sequence[RunMetric],
    names: Mapping[str, str],
) -> dict[str, Any]:
    """A Run.

    Args:
        run: the run.
        spec: its definition.
        metrics: its scalar metrics.
        names: names of the experiment, recurring run, pipeline and version that it refers to, by id.
    """
    references = []
    if run.experiment_id:
        references.append(reference("EXPERIMENT", run.experiment_id, names.get(run.experiment_id, ""), "OWNER"))
    if run.recurring_run_id:
        references.append(reference("JOB", run.recurring_run_id, names.get(run.recurring_run_id, ""), "CREATOR"))
    if run.pipeline_version_id:
        references.append(reference("PIPELINE_VERSION", run.pipeline_version_id, names.get(run.pipeline_version_id, ""), "CREATOR"))
    is_argo = run.kind == "argo"
    return compact(
        {
            "id": run.run_id,
            "name": run.name,
            "description": run.description,
            "service_account": run.service_account,
            "storage_state": f"STORAGESTATE_{run.storage_state}",
            "status": None if run.state is RuntimeState.PENDING and run.started_at is None else STATUS[run.state],
            "error": run.error_message,
            "created_at": time_to_wire(run.created_at),
            "scheduled_at": time_to_wire(run.scheduled_at),
            "finished_at": time_to_wire(run.finished_at),
            "metrics": [metric_to_wire(metric) for metric in metrics],
            "pipeline_spec": compact(
                {
                    "pipeline_id": run.pipeline_id,
                    "pipeline_name": names.get(run.pipeline_id or "", ""),
                    "workflow_manifest": spec.content if spec and is_argo else None,
                    "pipeline_manifest": spec.content if spec and not is_argo else None,
                    "parameters": parameters_to_wire(run.parameters),
                }
            ),
            "resource_references": references,
        }
    )


def manifest_with(manifest: dict[str, Any], run: RunView, status: Mapping[str, Any]) -> str:
    """JSON text of the submitted workflow with its name, ids, arguments and status filled in; changes `manifest`."""
    metadata = manifest.setdefault("metadata", {})
    metadata["name"] = run.resource_name
    metadata["uid"] = run.run_id
    metadata.setdefault("namespace", run.namespace or DEFAULT_NAMESPACE)
    metadata["creationTimestamp"] = time_to_wire(run.created_at)
    labels = metadata.setdefault("labels", {})
    labels["pipeline/runid"] = run.run_id
    if run.state.is_final:
        labels["workflows.argoproj.io/completed"] = "true"
    labels["workflows.argoproj.io/phase"] = status["phase"]
    metadata.setdefault("annotations", {})["pipelines.kubeflow.org/run_name"] = run.name
    arguments = manifest.setdefault("spec", {}).setdefault("arguments", {}).get("parameters") or []
    for item in arguments:
        if item.get("name") in run.parameters:
            item["value"] = str(run.parameters[item["name"]])
    manifest["status"] = status
    return orjson.dumps(manifest).decode()
