"""`mlpipeline-metrics` and `mlpipeline-ui-metadata` files of 1.8 steps, as metadata of typed artifacts.

Semantics: kfp 1.8 protocol notes, section 3.3. A file that makes no sense is a warning, never a failure (upstream logs it).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from penstock.domain.artifacts import ArtifactType

METRICS_TYPE = ArtifactType("system.Metrics")
UI_METADATA_TYPE = ArtifactType("kubeflow.UIMetadata")
FORMATS_KEY = "_formats"
"""Metadata key that holds the display format of each metric (RAW or PERCENTAGE)."""

_NAME = re.compile(r"[a-zA-Z]([-_a-zA-Z0-9]{0,62}[a-zA-Z0-9])?")
_MAX_METRICS = 50


def metrics_metadata(content: bytes) -> tuple[dict[str, Any], str]:
    """Return `{name: number, "_formats": {name: format}}` of a metrics file, and a warning or empty text."""
    try:
        items = json.loads(content)["metrics"]
        if not isinstance(items, list):
            raise TypeError("'metrics' is not a list")
    except (ValueError, KeyError, TypeError) as error:
        return {}, f"the metrics file is not valid: {error}"
    values: dict[str, Any] = {}
    formats: dict[str, str] = {}
    refused: list[str] = []
    for item in items[:_MAX_METRICS]:
        name = str(item.get("name", "")) if isinstance(item, dict) else ""
        number = _number(item.get("numberValue", item.get("number_value"))) if isinstance(item, dict) else None
        if not _NAME.fullmatch(name) or number is None:
            refused.append(name or "without a name")
        elif name not in values:
            values[name] = number
            formats[name] = str(item.get("format") or "RAW")
    if len(items) > _MAX_METRICS:
        refused.append(f"{len(items) - _MAX_METRICS} over the limit of {_MAX_METRICS}")
    warning = f"metrics not recorded: {', '.join(refused)}" if refused else ""
    return ({**values, FORMATS_KEY: formats} if values else {}), warning


def _number(value: Any) -> float | None:
    """A finite number; text of one counts, as protobuf's JSON form allows."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def ui_metadata(content: bytes, places: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Return `{"outputs": [...]}` of a UI metadata file, and a warning or empty text.

    Args:
        content: the file.
        places: URIs of the step's outputs by their paths; a source that is such a path becomes the URI, for the path ends with the step.
    """
    try:
        outputs = json.loads(content)["outputs"]
        if not isinstance(outputs, list):
            raise TypeError("'outputs' is not a list")
    except (ValueError, KeyError, TypeError) as error:
        return {}, f"the UI metadata file is not valid: {error}"
    return {"outputs": [_with_uri(item, places) for item in outputs if isinstance(item, dict)]}, ""


def _with_uri(output: dict[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    uri = places.get(str(output.get("source"))) if output.get("storage") != "inline" else None
    return output if uri is None else {**output, "source": uri}
