"""`TaskOutputs` as a file of the attempt, so that an attempt whose directories were cleaned can still be reported after a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.execution import TaskOutputs
from penstock.domain.ids import ArtifactId, Digest


def write(path: Path, outputs: TaskOutputs) -> None:
    """Write `outputs`; a file that does not parse counts as none."""
    artifacts = {key: [_artifact_to_json(ref) for ref in refs] for key, refs in outputs.artifacts.items()}
    data = json.dumps({"parameters": dict(outputs.parameters), "artifacts": artifacts}).encode()
    with open(path, "wb", buffering=0) as file:
        file.write(data)


def from_json(document: Any) -> TaskOutputs:
    """Read what `write` wrote."""
    artifacts = {key: tuple(_artifact_from_json(ref) for ref in refs) for key, refs in document["artifacts"].items()}
    return TaskOutputs(parameters=document["parameters"], artifacts=artifacts)


def _artifact_to_json(ref: ArtifactRef) -> dict[str, Any]:
    return {
        "id": ref.artifact_id,
        "name": ref.name,
        "type": [ref.type.schema_title, ref.type.schema_version],
        "uri": ref.uri,
        "metadata": dict(ref.metadata),
        "digest": ref.digest,
        "size": ref.size_bytes,
        "directory": ref.is_directory,
    }


def _artifact_from_json(document: dict[str, Any]) -> ArtifactRef:
    digest = document["digest"]
    return ArtifactRef(
        artifact_id=ArtifactId(document["id"]),
        name=document["name"],
        type=ArtifactType(*document["type"]),
        uri=document["uri"],
        metadata=document["metadata"],
        digest=Digest(digest) if digest is not None else None,
        size_bytes=document["size"],
        is_directory=document["directory"],
    )
