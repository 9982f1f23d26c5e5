"""Numbers, times, sizes and states in the words and forms that pages show. Pure functions; used as template filters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from penstock.domain.execution import first_line_of
from penstock.domain.sizes import scaled

STATE_LOOKS: Mapping[str, tuple[str, str]] = {
    "PENDING": ("Pending", "pending"),
    "RUNNING": ("Running", "running"),
    "SUCCEEDED": ("Succeeded", "succeeded"),
    "SKIPPED": ("Skipped", "skipped"),
    "FAILED": ("Failed", "failed"),
    "CANCELING": ("Canceling", "canceling"),
    "CANCELED": ("Canceled", "canceled"),
    "PAUSED": ("Paused", "paused"),
    "FINISHED": ("Finished", "succeeded"),
}
"""State -> (word, icon and class name). Every state has its own shape, so that colour is never the only sign."""
UNITS: dict[str, int] = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400, "weeks": 604_800}
"""Seconds of the units in which people say how often something comes back."""
_NAMED = re.compile(r"`([^`\n]{1,200})(?:`|(?<=\u2026)$)")
_NAMES_CAUSE = re.compile(r"\bexit code \d+(?::| \()")
"""A failure that says more than the exit code."""


def state_word(state: str) -> str:
    """Word for a state; unknown ones read as themselves."""
    return STATE_LOOKS.get(state, (state.capitalize(), ""))[0]


def state_look(state: str) -> str:
    """Class and icon name of a state."""
    return STATE_LOOKS.get(state, ("", "pending"))[1]


def duration(seconds: float | None) -> str:
    """Span as people say it: `< 1 ms`, `840 ms`, `3.2 s`, `1 m 20 s`, `2 h 05 m`, `3 d 4 h`."""
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    if seconds < 0.0005:
        return "< 1 ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    hours = whole % 86_400 // 3600
    return f"{whole // 86_400} d {hours} h" if hours else f"{whole // 86_400} d"


def period(seconds: float | None) -> tuple[str, str]:
    """Number and unit that say exactly how often something comes back, in the largest unit that has it whole; None: an hour."""
    asked = seconds or 3600
    unit = next((unit for unit in reversed(UNITS) if asked % UNITS[unit] == 0), "seconds")
    return f"{asked / UNITS[unit]:.15g}", unit


def size(count: int | None) -> str:
    """Bytes in binary units, with one decimal so that columns of a table compare: `312 B`, `4.0 KiB`, `1.2 GiB`."""
    if count is None:
        return ""
    value, unit = scaled(count)
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def number(value: Any, digits: int = 5) -> str:
    """A scalar with its first significant digits; the full value belongs into the title."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f") if abs(value) >= 100_000 else str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "\u221e" if value > 0 else "\u2212\u221e"
        if value == int(value) and abs(value) < 1e9:
            return number(int(value))
        return f"{value:.{digits if abs(value) < 10**digits else 5}g}"
    return str(value)


def percentage(value: float | None) -> str:
    """A share of one as percent."""
    return "" if value is None else f"{value * 100:.4g}\u202f%"


def iso(moment: float | None) -> str:
    """ISO 8601 in UTC with milliseconds, for `datetime` attributes and copying."""
    return "" if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def short_id(identity: str | None) -> str:
    """First eight characters of an id."""
    return (identity or "")[:8]


def plain_json(value: Any) -> str:
    """JSON as people read it: indented, sorted only as given, text unescaped."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def one_line(value: Any, limit: int = 200) -> str:
    """A value on one line: strings as they are, the rest as compact JSON, cut with an ellipsis."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split()) if isinstance(value, str) else text
    return text if len(text) <= limit else text[: limit - 1] + "\u2026"


def headline(message: str, limit: int = 240) -> str:
    """A failure in one line: what happened and, when that names no cause and log lines follow, the last of them (the exception)."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if len(lines) < 2:
        return one_line(message, limit)
    first = first_line_of(lines[0])
    return one_line(first if _NAMES_CAUSE.search(first) else f"{first}: {lines[-1]}", limit)


def with_names(text: str) -> Markup:
    """A sentence of the engine for a page: what stands between backticks is a name and set as code, all of it escaped."""
    return Markup(_NAMED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def kind_of(value: Any) -> str:
    """Name of a JSON value's type as pipeline authors know it; whole numbers may have come as others."""
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "str"
        case list():
            return "list"
        case dict():
            return "dict"
        case _:
            return "None"


_KINDS = {
    "NUMBER_DOUBLE": "float", "NUMBER_INTEGER": "int", "STRING": "str", "BOOLEAN": "bool", "LIST": "list", "STRUCT": "dict", "ANY": "any",
}  # fmt: skip


def kind_word(kind: str) -> str:
    """Declared type of a parameter as authors write it in Python: `NUMBER_DOUBLE` -> `float`; what has no such word stays."""
    return _KINDS.get(kind, kind)


def component_name(component: str) -> str:
    """Name that the author gave to a component: without the prefix that the kfp compiler puts in front, `comp-train` -> `train`."""
    return component.removeprefix("comp-")


def type_word(schema_title: str) -> str:
    """`system.Dataset` -> `Dataset`; other families keep their prefix."""
    return schema_title.removeprefix("system.")


_TYPES = {
    name.lower(): name
    for name in ("Artifact", "ClassificationMetrics", "Dataset", "HTML", "Markdown", "Metrics", "Model", "SlicedClassificationMetrics")
}


def type_group_word(key: str) -> str:
    """A type as groups have it, without its family and in small letters, in the words of the kfp SDK: `html` -> `HTML`."""
    return _TYPES.get(key, type_word(key))
