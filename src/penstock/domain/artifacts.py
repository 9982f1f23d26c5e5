"""Artifacts as values: what one task hands to another. Where bytes live is the blob store's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.domain.ids import ArtifactId, Digest


@dataclass(frozen=True, slots=True)
class ArtifactType:
    """Type of an artifact, for example `system.Dataset` 0.0.1."""

    schema_title: str = "system.Artifact"
    schema_version: str = "0.0.1"


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """One artifact, as it is passed between tasks and shown to users."""

    artifact_id: ArtifactId
    """Unique in this installation."""
    name: str
    """Display name; for KFP outputs the output key unless the author renamed it."""
    type: ArtifactType
    uri: str
    """As the client sees it, for example `minio://mlpipeline/v2/artifacts/p/<run>/train/<uuid>/model`."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON; numbers may be NaN or infinite."""
    digest: Digest | None = None
    """Content identity; None when there are no bytes here (metrics without a file, imported remote URIs)."""
    size_bytes: int | None = None
    is_directory: bool = False


_INLINE_URI = "inline:"


def inline_artifact(name: str, text: str) -> ArtifactRef:
    """Return a stand-in for content that is part of the plan itself (Argo `raw.data`): never stored, no lineage."""
    return ArtifactRef(artifact_id=ArtifactId(0), name=name, type=ArtifactType(), uri=_INLINE_URI, metadata={"text": text})


def inline_text(artifact: ArtifactRef) -> str | None:
    """Return the content of an inline artifact, None for any other."""
    return str(artifact.metadata.get("text", "")) if artifact.uri == _INLINE_URI else None
