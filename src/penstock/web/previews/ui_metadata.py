"""The viewers of the classic Kubeflow UI: what an `mlpipeline-ui-metadata` file asks to show (kfp 1.8 protocol notes, section 3.3).

Reads the `outputs` list that the Argo dialect keeps as metadata of an artifact. Content that the file only points to is shown where it is
an artifact of this server (`viewer_sources` puts it in place), else named, never fetched. Whatever does not make sense is left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

UI_METADATA_TYPE = "kubeflow.UIMetadata"
STORED_KEY = "_artifact_id"
"""Key of an output under which `viewer_sources` keeps the artifact that its source is."""
_FRAME = re.compile(r"""\s*<iframe\s[^>]*?src=["'](?P<src>[^"']+)["'][^>]*>(?:\s*</iframe>)?\s*""", re.IGNORECASE)
_RUN_PATH = re.compile(r"/[^/]+/[^/]+/runs/[^/]+(?:/\w+)?")
_MAX_ROWS = 200


@dataclass(frozen=True, slots=True)
class Viewer:
    """One output of the file."""

    index: int
    """Position in the file; names it in the address of its box."""
    kind: str
    """`markdown`, `html`, `table`, `matrix`, `roc`, `link`, `run` (a tracked run to embed) or `elsewhere`."""
    text: str = ""
    """Inline Markdown or HTML, the path of the tracked run, or the place of content that is not inline."""
    url: str = ""
    """Where a reader finds that place: a page of the web or of an artifact here; empty when no browser can go there."""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    matrix: Mapping[str, Any] | None = None
    """As metadata of `system.ClassificationMetrics`."""
    roc: Sequence[Mapping[str, Any]] | None = None


def viewers_of(metadata: Mapping[str, Any], *, url: str = "") -> list[Viewer]:
    """Return the viewers of a UI metadata artifact.

    Args:
        metadata: the artifact's.
        url: address of this server; a frame that shows one of its tracked runs is embedded as such.
    """
    outputs = metadata.get("outputs")
    found = []
    for index, output in enumerate(outputs if isinstance(outputs, list) else ()):
        viewer = _viewer(index, output, url) if isinstance(output, Mapping) else None
        if viewer is not None:
            found.append(viewer)
    return found


def _viewer(index: int, output: Mapping[str, Any], url: str) -> Viewer | None:
    kind, source = str(output.get("type", "")), str(output.get("source") or "")
    if kind == "tensorboard":
        return Viewer(index, "link", source, url=_page_of(output, source))
    if is_elsewhere(output):
        return Viewer(index, "elsewhere", source, url=_page_of(output, source))
    if kind in {"markdown", "web-app"}:
        path = _run_path(source, url)
        return Viewer(index, "run", path) if path else Viewer(index, "html" if kind == "web-app" else "markdown", source)
    if kind == "table":
        columns = [str(name) for name in output.get("header") or ()]
        return Viewer(index, "table", columns=columns, rows=_rows(source))
    if kind == "confusion_matrix":
        return Viewer(index, "matrix", matrix=_matrix(output, source))
    if kind == "roc":
        return Viewer(index, "roc", roc=list(_points(output, source)))
    return None


def is_elsewhere(output: Any) -> bool:
    """Whether an output's content is not in the file itself but at an address."""
    return isinstance(output, Mapping) and output.get("storage") != "inline" and "://" in str(output.get("source") or "")[:12]


def _page_of(output: Mapping[str, Any], source: str) -> str:
    if isinstance(output.get(STORED_KEY), int):
        return f"/ui/artifacts/{output[STORED_KEY]}"
    return source if source.startswith(("http://", "https://")) else ""


def _run_path(source: str, url: str) -> str:
    """Path of the tracked run of this server that `source` (a lone frame) shows, or empty text."""
    match = _FRAME.fullmatch(source)
    if match is None:
        return ""
    parts = urlsplit(match.group("src"))
    own = urlsplit(url)
    is_own = (parts.scheme, parts.netloc) == (own.scheme, own.netloc) or not parts.netloc
    return parts.path if is_own and _RUN_PATH.fullmatch(parts.path) else ""


def _rows(source: str) -> list[list[str]]:
    try:
        return [row for row, _ in zip((row for row in csv.reader(io.StringIO(source)) if row), range(_MAX_ROWS), strict=False)]
    except csv.Error:
        return []


def _columns(output: Mapping[str, Any]) -> list[str]:
    schema = output.get("schema")
    return [str(item.get("name", "")) for item in schema if isinstance(item, Mapping)] if isinstance(schema, list) else []


def _matrix(output: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Counts by (target, predicted) as a square in the order of the labels."""
    cells: dict[tuple[str, str], float] = {}
    for row in _rows(source):
        if len(row) >= 3:
            number = _number(row[2])
            if number is not None:
                cells[row[0].strip(), row[1].strip()] = number
    given = output.get("labels")
    labels = [str(label) for label in given] if isinstance(given, list) else sorted({name for pair in cells for name in pair})
    rows = [{"row": [cells.get((target, predicted), 0.0) for predicted in labels]} for target in labels]
    return {"annotationSpecs": [{"displayName": label} for label in labels], "rows": rows}


def _points(output: Mapping[str, Any], source: str) -> Iterable[dict[str, Any]]:
    names = _columns(output) or ["fpr", "tpr", "thresholds"]
    for row in _rows(source):
        values = {name: _number(text) for name, text in zip(names, row, strict=False)}
        rate, recall = values.get("fpr"), values.get("tpr")
        if rate is not None and recall is not None:
            threshold = next((value for name, value in values.items() if name.startswith("threshold")), None)
            yield {"falsePositiveRate": rate, "recall": recall, "confidenceThreshold": threshold}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
