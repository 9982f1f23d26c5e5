"""Artifacts as pictures: what the Visualizations and Output tabs and the comparison draw from artifact types and metadata.

Shapes follow the KFP artifact types (`system.Metrics`, `system.ClassificationMetrics`, `system.SlicedClassificationMetrics`,
`system.HTML`, `system.Markdown`); lists and structs may come wrapped as `{"list": [..]}` and `{"struct": {..}}`, as ML Metadata keeps
them, and thresholds may be infinite. Everything that is malformed is left out rather than drawn wrongly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from penstock.domain.numbers import finite_number
from penstock.engine.records import METRIC_FORMATS_KEY
from penstock.interfaces.pages import ArtifactItem, ArtifactUse, with_rounds_in_order
from penstock.web.previews.ui_metadata import UI_METADATA_TYPE, Viewer, viewers_of
from penstock.web.texts import formats

METRIC_TYPES = ("system.Metrics", "system.ClassificationMetrics", "system.SlicedClassificationMetrics")
DOCUMENT_TYPES = ("system.HTML", "system.Markdown")
DRAWN_TYPES = (*METRIC_TYPES, *DOCUMENT_TYPES, UI_METADATA_TYPE)

PLOT = 220
"""Side of a ROC plot in its own units."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a confusion matrix."""

    count: float
    share: float
    """Of its row."""
    heat: int
    """0 to 10, relative to the largest cell."""


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """Rows are true classes, columns predicted ones."""

    labels: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Points by rising false-positive rate."""

    name: str
    points: Sequence[tuple[float, float, str]]
    """(false-positive rate, true-positive rate, threshold as text)."""
    area: float
    path: str
    """SVG path in a PLOT x PLOT square."""


@dataclass(frozen=True, slots=True)
class Visual:
    """One artifact, ready to draw."""

    artifact: ArtifactItem
    kind: str
    """`scalars`, `classification`, `html`, `markdown` or `viewer` (of the classic UI)."""
    task_id: str
    task_name: str
    run_id: str
    run_name: str
    scalars: Sequence[tuple[str, Any]] = ()
    matrix: ConfusionMatrix | None = None
    roc: RocCurve | None = None
    viewer: Viewer | None = None
    part: str = ""
    """Of sliced metrics: the slice that is drawn."""


def visuals_of(uses: Iterable[ArtifactUse], *, url: str = "") -> list[Visual]:
    """Return what can be drawn, each artifact of a task once, in the given order but rounds of loops by number and scalars of a task first.

    Args:
        uses: Of tasks of one run or several.
        url: Of this server.
    """
    drawn: list[Visual] = []
    seen: set[tuple[str, int]] = set()
    for use in with_rounds_in_order(uses):
        artifact = use.artifact
        if use.direction != "output" or artifact.type not in DRAWN_TYPES or (use.task_id, artifact.artifact_id) in seen:
            continue
        seen.add((use.task_id, artifact.artifact_id))
        place = (use.task_id, use.task_label, use.run_id, use.run_name)
        if artifact.type in DOCUMENT_TYPES:
            drawn.append(Visual(artifact, "html" if artifact.type == "system.HTML" else "markdown", *place))
        elif artifact.type == UI_METADATA_TYPE:
            drawn.extend(_from_viewer(artifact, place, viewer) for viewer in viewers_of(artifact.metadata, url=url))
        elif artifact.type == "system.Metrics":
            shown_as = artifact.metadata.get(METRIC_FORMATS_KEY)
            shown_as = shown_as if isinstance(shown_as, Mapping) else {}
            scalars = [
                (name, _share(value) if shown_as.get(name) == "PERCENTAGE" else _plain(value))
                for name, value in artifact.metadata.items()
                if name not in {"display_name", "store_session_info", METRIC_FORMATS_KEY}
            ]
            drawn.append(Visual(artifact, "scalars", *place, scalars=scalars))
        else:
            drawn.extend(
                Visual(artifact, "classification", *place, matrix=matrix, roc=roc, part=part)
                for matrix, roc, part in _classifications(artifact.metadata, use.artifact.name)
                if matrix is not None or roc is not None
            )
    tasks = {visual.task_id: at for at, visual in reversed([*enumerate(drawn)])}
    return sorted(drawn, key=lambda visual: (tasks[visual.task_id], visual.kind != "scalars"))


def _from_viewer(artifact: ArtifactItem, place: tuple[str, str, str, str], viewer: Viewer) -> Visual:
    if viewer.kind in {"matrix", "roc"}:
        roc = roc_of(list(viewer.roc), artifact.name) if viewer.roc else None
        return Visual(artifact, "classification", *place, matrix=matrix_of(viewer.matrix), roc=roc)
    return Visual(artifact, "viewer", *place, viewer=viewer)


def _classifications(metadata: Mapping[str, Any], name: str) -> Iterable[tuple[ConfusionMatrix | None, RocCurve | None, str]]:
    slices = _plain(metadata.get("evaluationSlices"))
    if isinstance(slices, list):
        for part in slices:
            if isinstance(part, Mapping) and isinstance(part.get("sliceClassificationMetrics"), Mapping):
                inner, of = part["sliceClassificationMetrics"], str(part.get("slice", ""))
                yield matrix_of(inner.get("confusionMatrix")), roc_of(inner.get("confidenceMetrics"), of or name), of
        return
    yield matrix_of(metadata.get("confusionMatrix")), roc_of(metadata.get("confidenceMetrics"), name), ""


def _share(value: Any) -> Any:
    return formats.percentage(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _plain(value: Any) -> Any:
    """Take ML Metadata's wrapping off."""
    if isinstance(value, Mapping) and len(value) == 1:
        if "list" in value:
            return value["list"]
        if "struct" in value:
            return value["struct"]
    return value


def matrix_of(value: Any) -> ConfusionMatrix | None:
    """Read a confusion matrix, or None when it is not one."""
    value = _plain(value)
    if not isinstance(value, Mapping):
        return None
    specs, rows = value.get("annotationSpecs"), value.get("rows")
    if not isinstance(specs, list) or not isinstance(rows, list) or not rows:
        return None
    labels = [str(spec.get("displayName", "")) if isinstance(spec, Mapping) else str(spec) for spec in specs]
    numbers: list[list[float]] = []
    for row in rows:
        cells = row.get("row") if isinstance(row, Mapping) else row
        if not isinstance(cells, list) or not all(finite_number(cell) is not None for cell in cells):
            return None
        numbers.append([float(cell) for cell in cells])
    largest = max((cell for row in numbers for cell in row), default=0.0) or 1.0
    return ConfusionMatrix(
        labels,
        [[Cell(cell, cell / (sum(row) or 1.0), max(0, min(10, round(10 * cell / largest)))) for cell in row] for row in numbers],
    )


def roc_of(value: Any, name: str) -> RocCurve | None:
    """Read a ROC curve, or None when there are no points."""
    value = _plain(value)
    if not isinstance(value, list):
        return None
    points: list[tuple[float, float, str]] = []
    for entry in value:
        if not isinstance(entry, Mapping):
            continue
        rate, recall, threshold = entry.get("falsePositiveRate", 0.0), entry.get("recall", 0.0), entry.get("confidenceThreshold")
        if finite_number(rate) is not None and finite_number(recall) is not None:
            shown = (
                "\u221e" if threshold in {"Infinity", "inf"} or (isinstance(threshold, float) and math.isinf(threshold)) else str(threshold)
            )
            points.append((float(rate), float(recall), shown))
    if not points:
        return None
    points.sort(key=lambda point: point[:2])
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
    path = "M" + " L".join(f"{rate * PLOT:.1f} {PLOT - recall * PLOT:.1f}" for rate, recall, _ in points)
    return RocCurve(name, points, area, path)
