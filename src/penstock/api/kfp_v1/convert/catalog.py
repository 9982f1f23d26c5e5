"""Experiments, pipelines and versions as v1beta1 objects (kfp 1.8 protocol notes, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.api.kfp_v1.convert.values import compact, reference, time_to_wire
from penstock.domain.catalog import Experiment, Pipeline, PipelineVersion


def experiment_to_wire(experiment: Experiment) -> dict[str, Any]:
    """An Experiment."""
    return compact(
        {
            "id": experiment.experiment_id,
            "name": experiment.name,
            "description": experiment.description,
            "created_at": time_to_wire(experiment.created_at),
            "resource_references": [reference("NAMESPACE", experiment.namespace, "", "OWNER")] if experiment.namespace else [],
            "storage_state": f"STORAGESTATE_{experiment.storage_state}",
        }
    )


def version_to_wire(version: PipelineVersion, parameters: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A PipelineVersion with its parameters (`name`, default `value`)."""
    return compact(
        {
            "id": version.pipeline_version_id,
            "name": version.name,
            "description": version.description,
            "created_at": time_to_wire(version.created_at),
            "parameters": list(parameters),
            "code_source_url": version.code_source_url,
            "package_url": {"pipeline_url": version.package_url} if version.package_url else None,
            "resource_references": [reference("PIPELINE", version.pipeline_id, "", "OWNER")],
        }
    )


def pipeline_to_wire(pipeline: Pipeline, default: dict[str, Any] | None) -> dict[str, Any]:
    """A Pipeline; its parameters are those of the default version."""
    return compact(
        {
            "id": pipeline.pipeline_id,
            "name": pipeline.name,
            "description": pipeline.description,
            "created_at": time_to_wire(pipeline.created_at),
            "parameters": (default or {}).get("parameters"),
            "default_version": default,
        }
    )
