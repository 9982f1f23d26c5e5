"""What is compared of tracked runs beside their documents: saved code, requirements, versions that they used and logged. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from penstock.domain.tracking import RunFile, TrackedRun
from penstock.web.comparisons.exhibits import Piece
from penstock.web.comparisons.runs import ComponentText, versions
from penstock.web.previews.visualizations import ConfusionMatrix, RocCurve, matrix_of, roc_of
from penstock.web.tracking.chart_panels import client_plots
from penstock.web.tracking.documents import Leaf, summary_of, tree_of
from penstock.web.tracking.panel_specs import listed, mapping

_SHOWN = {"image-file": "image", "images/separated": "image", "html-file": "html"}
"""Types of media that stand side by side with what tasks put out -> kinds of shelves."""
_MOST_KEYS = 12
"""Keys of media of a run of which all steps are shown."""
_MOST_TOGETHER = 12
"""Pictures that were logged together."""
_MOST_CLASSES = 100
REQUIREMENTS = "requirements.txt"
NAMES = (REQUIREMENTS, "conda-environment.yaml")
BEGINNINGS = ("code/", "diff")
"""Names, and beginnings of names, of the files that say what a run executed."""


def _is_code(name: str) -> bool:
    return name.startswith("code/") or name.endswith(".patch") or name == "conda-environment.yaml"


def read_digests(runs: Sequence[Sequence[RunFile]]) -> set[str]:
    """Return the contents that have to be read: of files that are not the same in all runs that have some."""
    found: dict[str, set[str | None]] = {}
    for files in runs:
        for file in files:
            found.setdefault(file.name, set()).add(file.digest)
    counts = {name: sum(any(file.name == name for file in files) for files in runs) for name in found}
    saving = sum(bool(files) for files in runs)
    return {digest for name, held in found.items() if len(held) > 1 or counts[name] < saving for digest in held if digest is not None}


def code_texts(runs: Sequence[Sequence[RunFile] | None], texts: Mapping[str, str]) -> list[Mapping[str, ComponentText] | None]:
    """Return the saved code of each run by file, as `code_diffs` takes it; None for those without any, and for what is no tracked run."""
    found: list[Mapping[str, ComponentText] | None] = []
    for files in runs:
        code = [file for file in files or () if _is_code(file.name)]
        found.append({file.name: ComponentText(texts.get(file.digest or "", ""), "") for file in code} if code else None)
    return found


def required_versions(files: Sequence[RunFile], texts: Mapping[str, str]) -> Mapping[str, str] | None:
    """Return the versions of packages that a run wrote down; None: it did not, or all wrote the same."""
    file = next((file for file in files if file.name == REQUIREMENTS), None)
    text = texts.get(file.digest or "") if file is not None else None
    return None if text is None else versions([line for line in text.splitlines() if line.strip() and not line.startswith("#")])


def media_keys(run: TrackedRun) -> list[str]:
    """Return the keys of the pictures and documents that a run's summary ends with."""
    return [leaf.path for leaf in _media_of(run)][:_MOST_KEYS]


def _media_of(run: TrackedRun) -> list[Leaf]:
    return [leaf for leaf in tree_of(summary_of(run)).leaves if leaf.kind == "media" and str(leaf.value.get("_type")) in _SHOWN]


def media_pieces(run: TrackedRun, place: int, logged: Mapping[str, Sequence[tuple[int, Any]]]) -> list[Piece]:
    """Return the pictures and documents that a run logged, to stand beside those of runs of pipelines and flows.

    Args:
        run: whose they are.
        place: its index on the page.
        logged: values of a key by step; keys that are not there have what the summary ends with.
    """
    found: list[Piece] = []
    for leaf in _media_of(run):
        for step, value in logged.get(leaf.path) or [(0, leaf.value)]:
            found += _pieces_of(run, place, leaf.path, step, value)
    return found


def _pieces_of(run: TrackedRun, place: int, key: str, step: int, value: Any) -> list[Piece]:
    held = value if isinstance(value, Mapping) else {}
    kind, size = _SHOWN.get(str(held.get("_type"))), held.get("size")
    listed_names = held.get("filenames")
    names = [name for name in (listed_names if isinstance(listed_names, list) else [held.get("path")]) if isinstance(name, str)]
    if kind is None:
        return []
    known = size if isinstance(size, int) and not isinstance(size, bool) else None
    labels = [f"{number}" for number in range(1, len(names) + 1)] if len(names) > 1 else [""]
    pieces = zip(names[:_MOST_TOGETHER], labels, strict=False)
    return [_file_piece(run, name, Piece(place, kind, "", key, step, label, size=known)) for name, label in pieces]


def _file_piece(run: TrackedRun, name: str, piece: Piece) -> Piece:
    address = f"/ui/tracking/runs/{run.run_id}/files/{quote(name)}"
    page = "/".join(("", *(quote(part, safe="") for part in (run.entity, run.project, "runs", run.name)), "files", quote(name)))
    return replace(piece, page=page, address=address, download=f"{address}?download=1")


def matrix_tables(run: TrackedRun) -> dict[str, str]:
    """Return the files of the tables that `wandb.plot.confusion_matrix` logged, by key."""
    return _tables(run, lambda plot: str(plot.get("kind")).startswith("confusion_matrix"))


ROC_AXES, PRECISION_AXES = ("fpr", "tpr"), ("recall", "precision")
"""Columns of the curves that `wandb.plot.roc_curve` and `wandb.plot.pr_curve` log."""


def curve_tables(run: TrackedRun, axes: tuple[str, str]) -> dict[str, str]:
    """Return the files of the tables of curves with these axes, by key."""
    return _tables(run, lambda plot: plot.get("kind") == "area-under-curve" and _axes(plot) == axes)


def _axes(plot: Mapping[str, Any]) -> tuple[Any, Any]:
    fields = mapping(plot.get("fields"))
    return fields.get("x"), fields.get("y")


def _tables(run: TrackedRun, is_wanted: Callable[[Mapping[str, Any]], bool]) -> dict[str, str]:
    summary = summary_of(run)
    paths = {table: mapping(summary.get(table)).get("path") for table, plot in client_plots(run).items() if is_wanted(plot)}
    return {table.removesuffix("_table"): path for table, path in paths.items() if isinstance(path, str)}


def curves_of(run: TrackedRun, axes: tuple[str, str], name: str, tables: Mapping[str, Any]) -> list[RocCurve]:
    """Return the curves of a run with these axes, one for each class.

    Args:
        name: of the run.
        tables: contents of the files of `curve_tables`, by path.
    """
    found = []
    for key, path in curve_tables(run, axes).items():
        columns, rows = (listed(mapping(tables.get(path)).get(part)) for part in ("columns", "data"))
        if any(column not in columns for column in ("class", *axes)):
            continue
        label, rate, recall = (columns.index(column) for column in ("class", *axes))
        classes: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            if isinstance(row, list) and len(row) >= len(columns):
                point = {"falsePositiveRate": row[rate], "recall": row[recall], "confidenceThreshold": "–"}
                classes.setdefault(str(row[label]), []).append(point)
        curves = [roc_of(points, f"{name} \u00b7 {key} \u00b7 {one}") for one, points in list(classes.items())[:_MOST_CLASSES]]
        found += [curve for curve in curves if curve is not None]
    return found


def matrix_pieces(run: TrackedRun, place: int, tables: Mapping[str, Any]) -> list[Piece]:
    """Return the confusion matrices of a run. Args: tables: contents of the files of `matrix_tables`, by path."""
    found = []
    for key, path in matrix_tables(run).items():
        matrix = _matrix_of(tables.get(path))
        if matrix is not None:
            found.append(replace(_file_piece(run, path, Piece(place, "matrix", "", key)), matrix=matrix))
    return found


def _matrix_of(table: Any) -> ConfusionMatrix | None:
    """Read the table of a matrix: a row for each pair of a true and a predicted class, with how often it came."""
    columns, rows = (listed(mapping(table).get(name)) for name in ("columns", "data"))
    names = ("Actual", "Predicted", "nPredictions")
    if any(name not in columns for name in names):
        return None
    at = [columns.index(name) for name in names]
    cells = [tuple(row[place] for place in at) for row in rows if isinstance(row, list) and len(row) >= len(columns)]
    labels = list(dict.fromkeys(str(one) for actual, predicted, _ in cells for one in (actual, predicted)))[:_MOST_CLASSES]
    counts: dict[tuple[str, str], Any] = {(str(actual), str(predicted)): number for actual, predicted, number in cells}
    numbers = [{"row": [counts.get((actual, predicted), 0) for predicted in labels]} for actual in labels]
    return matrix_of({"annotationSpecs": [{"displayName": label} for label in labels], "rows": numbers})
