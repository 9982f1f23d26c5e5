"""Pipelines and versions on the wire. Semantics: kfp protocol notes, section 2.5."""

from __future__ import annotations

from typing import Any

import orjson

from penstock.api.kfp.wire import message, timestamp
from penstock.domain.catalog import Pipeline, PipelineVersion, StoredSpec


def pipeline_to_wire(pipeline: Pipeline) -> dict[str, Any]:
    """Return a `Pipeline` message."""
    return message(
        pipeline_id=pipeline.pipeline_id,
        name=pipeline.name,
        display_name=pipeline.display_name,
        description=pipeline.description,
        created_at=timestamp(pipeline.created_at),
        namespace=pipeline.namespace,
        tags=dict(pipeline.tags),
    )


def version_to_wire(version: PipelineVersion, spec: StoredSpec | None) -> dict[str, Any]:
    """Return a `PipelineVersion` message; the definition goes out as it is stored, without being decoded."""
    return message(
        pipeline_id=version.pipeline_id,
        pipeline_version_id=version.pipeline_version_id,
        name=version.name,
        display_name=version.display_name,
        description=version.description,
        created_at=timestamp(version.created_at),
        package_url={"pipeline_url": version.package_url} if version.package_url else None,
        code_source_url=version.code_source_url,
        pipeline_spec=orjson.Fragment(spec.content) if spec else None,
        tags=dict(version.tags),
    )
