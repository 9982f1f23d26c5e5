"""A report as one HTML file that needs no server: text, and panels as they are now, drawn as still SVG with their values beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from penstock.domain.numbers import finite_number
from penstock.interfaces.tracking_store import ChartSeries
from penstock.web.pages.tracking.workspace import ListedRun
from penstock.web.texts.formats import number
from penstock.web.tracking.run_colors import Look, ink_on_paper

DASHES = ("none", "7 4", "2 3", "12 4 2 4", "16 6", "12 3 2 3 2 3", "2 8")
WIDTH, HEIGHT = 560.0, 260.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 52.0, 10.0, 8.0, 26.0


@dataclass(frozen=True, slots=True)
class StillLine:
    """A series of a still drawing: as `ChartSeries`, with the name and the look that it is drawn in."""

    name: str
    color: Look
    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    last: Sequence[float]
    rows: int

    @classmethod
    def of(cls, name: str, color: Look, one: ChartSeries) -> StillLine:
        """Return a series as it is drawn."""
        x, low, high, last = ([float(value) for value in column] for column in (one.x, one.low, one.high, one.last))
        return cls(name, color, x, low, high, last, one.rows)


@dataclass(frozen=True, slots=True)
class Still:
    """What a panel shows, in a form that needs nothing else: lines, a text, or values per run."""

    panel_id: str
    title: str
    lines: Sequence[StillLine] = ()
    text: str = ""
    """Markdown."""
    head: Sequence[str] = ()
    """Names of the values."""
    rows: Sequence[Sequence[str]] = ()
    """Name of the run and its values, as they are shown."""


def still_lines(lines: Sequence[StillLine], title: str) -> Markup:
    """Return a drawing: last values as lines, extremes of buckets as bands."""
    held = [one for one in lines if any(map(math.isfinite, one.last))]
    if not held:
        return Markup("")
    x_low, x_high = _range(value for one in held for value in one.x)
    y_low, y_high = _range(value for one in held for column in (one.low, one.high) for value in column)

    def place(x: float, y: float) -> str:
        left = _LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - _LEFT - _RIGHT)
        top = _TOP + (1 - (y - y_low) / (y_high - y_low)) * (HEIGHT - _TOP - _BOTTOM)
        return f"{left:.1f} {top:.1f}"

    parts = [_axis(y_low, y_high, x_low, x_high)]
    for one in held:
        ink, dashes = ink_of(one.color)
        fit = [at for at, value in enumerate(one.last) if math.isfinite(value)]
        if one.rows > len(one.x):
            edge = [place(one.x[at], one.high[at]) for at in fit if math.isfinite(one.high[at])]
            edge += [place(one.x[at], one.low[at]) for at in reversed(fit) if math.isfinite(one.low[at])]
            parts.append(Markup('<path d="M{}Z" fill="{}" fill-opacity="0.18"/>').format("L".join(edge), ink))
        line = "L".join(place(one.x[at], one.last[at]) for at in fit)
        parts.append(Markup('<path d="M{}" fill="none" stroke="{}" stroke-width="1.6" stroke-dasharray="{}"/>').format(line, ink, dashes))
    drawing = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, title, Markup("").join(parts)
    )
    legend = Markup(" ").join(
        Markup('<span class="name">{}{}: {}</span>').format(swatch(one.color), one.name, number(_last(one)))
        for one in held
    )
    return drawing + Markup('<p class="legend">{}</p>').format(legend)


def ink_of(look: Look) -> tuple[str, str]:
    """Return colour and dashes of a look (`web.tracking.run_colors`) on paper."""
    color, style = ink_on_paper(look)
    return color, DASHES[style]


def swatch(look: Look) -> Markup:
    """Return a piece of a line with a look."""
    line = Markup('<path d="M0 3H24" stroke="{}" stroke-width="3" stroke-dasharray="{}"/>').format(*ink_of(look))
    return Markup('<svg class="ink" viewBox="0 0 24 6" aria-hidden="true">{}</svg>').format(line)


def _last(one: StillLine) -> float:
    return next((value for value in reversed(one.last) if math.isfinite(value)), math.nan)


def _range(values: Any) -> tuple[float, float]:
    held = [value for value in values if math.isfinite(value)]
    low, high = min(held), max(held)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _axis(y_low: float, y_high: float, x_low: float, x_high: float) -> Markup:
    lines = []
    for step in range(5):
        share = step / 4
        top = _TOP + (1 - share) * (HEIGHT - _TOP - _BOTTOM)
        left = _LEFT + share * (WIDTH - _LEFT - _RIGHT)
        y, x = (number(float(f"{low + share * (high - low):.4g}")) for low, high in ((y_low, y_high), (x_low, x_high)))
        lines.append(Markup('<path d="M{} {}H{}" stroke="#ddd"/>').format(_LEFT, round(top, 1), WIDTH - _RIGHT))
        lines.append(Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(_LEFT - 5, round(top + 4, 1), y))
        lines.append(Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(round(left, 1), HEIGHT - 8, x))
    return Markup("").join(lines)


def value_rows(rows: Sequence[ListedRun], columns: Sequence[str]) -> list[list[str]]:
    """Return name and values of each run as they are shown, largest of the last column first."""
    if not columns:
        return []

    def order(row: ListedRun) -> tuple[bool, float]:
        number = finite_number(row.cell(columns[-1]))
        return (True, 0.0) if number is None else (False, -number)

    return [[row.run.display_name or row.run.name, *map(_shown, map(row.cell, columns))] for row in sorted(rows, key=order)]


def still_values(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """Return a table of values per run."""
    if not head:
        return Markup("")
    top = Markup("").join(Markup("<th>{}</th>").format(name) for name in head)
    body = Markup("").join(
        Markup("<tr><th>{}</th>{}</tr>").format(row[0], Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row[1:]))
        for row in rows
        if row
    )
    return Markup("<table><thead><tr><th></th>{}</tr></thead><tbody>{}</tbody></table>").format(top, body)


def _shown(value: Any) -> str:
    return number(value) if isinstance(value, int | float) else "" if value is None else str(value)[:80]


def columns_of(panel: Mapping[str, Any]) -> list[str]:
    """Return the values that a panel over runs shows."""
    names = [panel.get(name) for name in ("xColumn", "zColumn", "yColumn", "metric")]
    return [*panel.get("columns", []), *(name for name in names if isinstance(name, str))]
