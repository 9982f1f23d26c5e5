"""Content that a UI metadata file points to, where it is an artifact of this server: put in its place before the viewers are drawn.

Semantics: kfp 1.8 protocol notes, section 3.3 (`source` is inline or a URI). Costs a query for each output that is not inline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock.interfaces.pages import ArtifactItem, ArtifactUse, Condition, ListQuery
from penstock.web.previews.content import head_of
from penstock.web.previews.ui_metadata import STORED_KEY, UI_METADATA_TYPE, is_elsewhere
from penstock.web.services.web import WebServices

_MAX_BYTES = 1 << 20
"""More of a document than anybody reads in a box."""


async def kept_uses(services: WebServices, uses: Sequence[ArtifactUse]) -> tuple[list[ArtifactUse], frozenset[int]]:
    """Return the uses, without the bytes of artifacts that have ended, and the ids of these."""
    ended = await services.notes.ended([use.artifact.artifact_id for use in uses])
    return [replace(use, artifact=replace(use.artifact, digest=None)) if use.artifact.artifact_id in ended else use for use in uses], ended


async def uses_with_sources(services: WebServices, uses: Iterable[ArtifactUse]) -> list[ArtifactUse]:
    """Return the uses, their UI metadata files with what they point to."""
    return [replace(use, artifact=await artifact_with_sources(services, use.artifact)) for use in uses]


async def artifact_with_sources(services: WebServices, artifact: ArtifactItem) -> ArtifactItem:
    """Return the artifact; of a UI metadata file with what it points to."""
    outputs = artifact.metadata.get("outputs") if artifact.type == UI_METADATA_TYPE else None
    if not isinstance(outputs, list) or not any(is_elsewhere(output) for output in outputs):
        return artifact
    return replace(artifact, metadata={**artifact.metadata, "outputs": [await _found(services, output) for output in outputs]})


async def _found(services: WebServices, output: Any) -> Any:
    if not is_elsewhere(output):
        return output
    query = ListQuery(limit=1, conditions=(Condition("uri", "=", str(output["source"])),))
    items = (await services.artifacts.list_artifacts(query)).items
    if not items:
        return output
    return {**output, STORED_KEY: items[0].artifact_id, **await _content(services, output, items[0])}


async def _content(services: WebServices, output: Mapping[str, Any], artifact: ArtifactItem) -> dict[str, Any]:
    if output.get("type") == "tensorboard" or artifact.digest is None or artifact.is_directory:
        return {}
    data = await asyncio.to_thread(head_of, services.blobs, artifact.digest, _MAX_BYTES)
    return {"storage": "inline", "source": data.decode("utf-8", "replace")}
