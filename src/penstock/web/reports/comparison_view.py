"""What a comparison shows, as plain data: drawn in reports as it is now, kept with them as it was, put into files that need no server."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from penstock.web.comparisons.exhibits import KINDS, PARTS, Piece, Shelf, steps_of
from penstock.web.comparisons.runs import Cause, DiffRow
from penstock.web.pages.compare.runs import ComparePage
from penstock.web.pages.runs.graph_marks import value_text
from penstock.web.previews.visualizations import RocCurve
from penstock.web.texts import formats

MOST_ROWS = 100
_LONGEST = 300


def view_of(page: ComparePage, parts: Collection[str], address: str) -> dict[str, Any]:
    """Return what the chosen parts show; values as texts, rows that are the same everywhere left out."""
    shelves = [shelf for shelf in page.shelves if shelf.kind in parts]
    tables = [
        (PARTS[name], rows)
        for name, rows in (
            ("parameters", page.parameters),
            ("inputs", page.inputs),
            ("packages", [row for table in page.packages for row in table.rows]),
            ("durations", page.durations),
        )
        if name in parts
    ]
    found: dict[str, Any] = {
        "address": address,
        "baseline": page.baseline,
        "runs": [
            {
                "id": run.run_id, "name": run.name, "state": run.state, "url": run.url, "error": run.error_message, "color": run.color,
                "entity": run.tracked.entity if run.tracked is not None else "",
            }
            for run in page.runs
        ],
        "causes": [_cause(one) for one in page.causes[:MOST_ROWS]] if "causes" in parts else [],
        "tables": [{"title": title, "lines": list(_lines(rows))} for title, rows in tables if any(row.is_different for row in rows)],
        "metrics": [_metric(row) for row in page.metrics[:MOST_ROWS]] if "metrics" in parts else [],
        "curves": [_curve(one) for one in (page.curves if "roc" in parts else ())],
        "precision": [_curve(one) for one in (page.precision_curves if "roc" in parts else ())],
        "shelves": [_shelf(shelf) for shelf in shelves],
        "kinds": [[kind, heading] for kind, heading in KINDS.items() if any(shelf.kind == kind for shelf in shelves)],
        "steps": steps_of(shelves),
    }
    for place, piece in enumerate(pieces_of(found)):
        piece["place"] = place
    return found


def _cause(one: Cause) -> dict[str, Any]:
    return {"word": one.word, "name": one.name, "change": one.change}


def _curve(one: RocCurve) -> dict[str, Any]:
    return {"name": one.name, "path": one.path, "points": list(one.points), "area": one.area}


def _lines(rows: Iterable[DiffRow]) -> Iterable[dict[str, Any]]:
    for row in [row for row in rows if row.is_different][:MOST_ROWS]:
        yield {"name": row.name, "cells": [None if value is None else shown_value(value) for value in row.values]}


def shown_value(value: Any) -> str:
    """Return a value as text, long ones cut."""
    if isinstance(value, float):
        return formats.number(value)
    return formats.one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), _LONGEST)


def _metric(row: Any) -> dict[str, Any]:
    cells = [
        None if one.metric is None else {"text": value_text(one.metric), "difference": _finite(one.difference), "verdict": one.verdict}
        for one in row.deltas
    ]
    return {"name": row.name, "cells": cells}


def _shelf(shelf: Shelf) -> dict[str, Any]:
    cells = [
        {"run": cell.run, "shown": sorted(cell.shown_at(None)), "pieces": [_piece(piece) for piece in cell.pieces]} for cell in shelf.cells
    ]
    return {
        "kind": shelf.kind, "task": shelf.task, "name": shelf.name, "missing": list(shelf.missing), "left_out": shelf.left_out,
        "cells": cells,
    }  # fmt: skip


def _piece(piece: Piece) -> dict[str, Any]:
    matrix, table = piece.matrix, piece.table
    return {
        "kind": piece.kind, "name": piece.name, "label": piece.label, "step": piece.step, "page": piece.page, "address": piece.address,
        "download": piece.download, "size": piece.size, "asks_first": piece.asks_first, "data": "", "place": 0,
        "matrix": None if matrix is None else {
            "labels": list(matrix.labels),
            "rows": [[{"count": cell.count, "share": cell.share, "heat": cell.heat} for cell in row] for row in matrix.rows],
        },
        "table": None if table is None else {"columns": list(table.columns), "rows": [list(row) for row in table.rows]},
    }  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def pieces_of(view: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """Return the drawings of a view."""
    return [piece for shelf in view["shelves"] for cell in shelf["cells"] for piece in cell["pieces"]]
