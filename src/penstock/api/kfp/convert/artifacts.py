"""Artifacts and their use on the wire: the resources of the coming upstream API, with what is known here beside.

Semantics: kfp protocol notes, section 2.9; `artifact_id` is int64 and therefore a string.
"""

from __future__ import annotations

from typing import Any

from penstock.api.kfp.wire import message, timestamp
from penstock.interfaces.run_store import ArtifactUse, ArtifactView

_TYPES = {
    "system.Model": "Model",
    "system.Dataset": "Dataset",
    "system.HTML": "HTML",
    "system.Markdown": "Markdown",
    "system.Metrics": "Metric",
    "system.ClassificationMetrics": "ClassificationMetric",
    "system.SlicedClassificationMetrics": "SlicedClassificationMetric",
}


def artifact_to_wire(view: ArtifactView) -> dict[str, Any]:
    """Return an `Artifact` message."""
    artifact = view.artifact
    return message(
        artifact_id=str(artifact.artifact_id),
        name=artifact.name,
        type=_TYPES.get(artifact.type.schema_title, "Artifact"),
        schema_title=artifact.type.schema_title,
        schema_version=artifact.type.schema_version,
        uri=artifact.uri,
        metadata=dict(artifact.metadata),
        created_at=timestamp(view.created_at),
        run_id=view.run_id,
        task_id=view.task_id,
        output_key=view.output_key,
        digest=artifact.digest,
        size_bytes=None if artifact.size_bytes is None else str(artifact.size_bytes),
        is_directory=artifact.is_directory,
        download_url=f"/apis/v2beta1/artifacts/{artifact.artifact_id}:download" if artifact.digest else None,
    )


def use_to_wire(use: ArtifactUse, view: ArtifactView | None) -> dict[str, Any]:
    """Return an `ArtifactTask` message."""
    return message(
        id=f"{use.task_id}/{use.direction}/{use.key}/{use.position}",
        artifact_id=str(use.artifact_id),
        run_id=use.run_id,
        task_id=use.task_id,
        type=use.direction.upper(),
        key=use.key,
        producer=message(task_id=view.task_id, key=view.output_key) if view else None,
    )
