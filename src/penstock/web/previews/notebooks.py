"""Notebooks as pages show them: cells with their text, source and outputs. Nothing in them runs; markup in them is text or Markdown."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from penstock.domain.terminal_text import without_escapes
from penstock.web.texts.prose import MOST, cost_of, prose

_MAX_CELLS = 300
_MAX_TEXT = 20_000
_MAX_IMAGE = 4 << 20
_MAX_SHOWN = 1_000_000
"""Characters of texts of a notebook; what comes after them is left out."""


@dataclass(frozen=True, slots=True)
class Output:
    """Something a cell put out."""

    kind: str
    """`text`, `error`, `image`, or `left` for what is not shown."""
    text: str
    """The text, the address of the picture as a data URI, or the media type of what is left out."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a notebook."""

    kind: str
    """`markdown`, `code` or `raw`."""
    source: str
    number: int | None
    """In which order it ran."""
    outputs: Sequence[Output]
    html: Markup | None = None
    """Markdown rendered; raw HTML in it stays text. None: it stands as it is written."""


def cells_of(document: Any) -> tuple[list[Cell], bool] | None:
    """Return the cells and whether there are more than are shown; None for what is no notebook."""
    cells = document.get("cells") if isinstance(document, dict) and "nbformat" in document else None
    if not isinstance(cells, list):
        return None
    found: list[Cell] = []
    left, prose_left = _MAX_SHOWN, MOST
    for cell in cells[:_MAX_CELLS]:
        if not isinstance(cell, dict):
            continue
        shown = _cell(cell)
        left -= len(shown.source) + sum(len(output.text) for output in shown.outputs if output.kind != "image")
        if left < 0:
            return found, True
        prose_left -= cost_of(shown.source) if shown.kind == "markdown" else 0
        found.append(replace(shown, html=prose(shown.source)) if shown.kind == "markdown" and prose_left >= 0 else shown)
    return found, len(cells) > _MAX_CELLS


def _cell(cell: Mapping[str, Any]) -> Cell:
    outputs = cell.get("outputs")
    number = cell.get("execution_count")
    shown = [_output(output) for output in outputs[:50] if isinstance(output, dict)] if isinstance(outputs, list) else []
    return Cell(str(cell.get("cell_type", "raw")), _joined(cell.get("source")), number if isinstance(number, int) else None, shown)


def _output(output: Mapping[str, Any]) -> Output:
    if output.get("output_type") == "stream":
        return Output("text", _joined(output.get("text")))
    if output.get("output_type") == "error":
        lines = output.get("traceback")
        told = _joined([f"{line}\n" for line in lines]) if isinstance(lines, list) else ""
        return Output("error", told or _joined(output.get("evalue")))
    data = output.get("data")
    if not isinstance(data, dict):
        return Output("left", str(output.get("output_type", "")))
    for media in ("image/png", "image/jpeg", "image/gif"):
        encoded = "".join(_joined(data.get(media), _MAX_IMAGE).split()) if media in data else ""
        if encoded and len(encoded) < _MAX_IMAGE and _is_base64(encoded):
            return Output("image", f"data:{media};base64,{encoded}")
    if "text/plain" in data:
        return Output("text", _joined(data["text/plain"]))
    return Output("left", ", ".join(str(key) for key in data)[:_MAX_TEXT])


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _joined(value: Any, limit: int = _MAX_TEXT) -> str:
    text = "".join(str(part) for part in value) if isinstance(value, list) else value if isinstance(value, str) else ""
    return without_escapes(text[: 2 * limit])[:limit]
