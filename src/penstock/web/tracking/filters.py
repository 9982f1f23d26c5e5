"""The filter bar's text as a question to the store of tracked runs: `state:failed config.lr>0.1 loss<0.5 tag:nightly created:<24h`.

The grammar is that of `web.lists.filters`. Here its fields are the columns of a tracked run; `config.x` (or `c.x`) and `summary.x` name
documents, and any other field is a summary key. Free words are a regular expression over name and display name.
"""

from __future__ import annotations

import json
import re
from datetime import UTC
from typing import Any

from penstock.domain.patterns import compile_pattern
from penstock.domain.periods import bounds_of, zone_named
from penstock.interfaces.pages import Condition
from penstock.web.lists.filters import parse

FIELDS = ("state", "name", "tag", "group", "job", "user", "sweep", "host", "created", "duration", "config.", "summary.")
"""What the filter bar completes."""

_COLUMNS = {
    "state": "state", "status": "state", "name": "display_name", "id": "name", "group": "group", "job": "job_type", "job_type": "job_type",
    "user": "username", "sweep": "sweep", "host": "host", "notes": "notes", "created": "created_at", "started": "created_at",
    "duration": "duration", "commit": "commit", "program": "program", "run": "pipeline_run_id", "task": "task_id",
}  # fmt: skip
COLUMN_FIELDS = tuple(_COLUMNS)
"""Fields that are no keys of config or summary."""
_EXACT = frozenset({"state", "group", "job_type", "username", "sweep", "name", "pipeline_run_id", "task_id"})
_OPERATORS = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
_SPAN = re.compile(r"^(\d+(?:\.\d+)?)([smhdw])$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_FLIPPED = {"$lt": "$gt", "$lte": "$gte", "$gt": "$lt", "$gte": "$lte"}


def run_filters(text: str, *, now: float, zone: str = "UTC") -> str | None:
    """Return the filter document (JSON text) of filter text; None for all. Dates are read in `zone`.

    Raises:
        InvalidArgumentError: a free word is not a regular expression, or one that could take for ever.
    """
    words, conditions = parse(text[:2000])
    parts: list[dict[str, Any]] = []
    for word in words:
        pattern = _pattern(word)
        parts.append({"$or": [{"display_name": {"$regex": pattern}}, {"name": {"$regex": pattern}}]})
    parts += [_condition(condition, now, zone) for condition in conditions]
    return json.dumps({"$and": parts}) if parts else None


def run_order(sort: str, group: str = "") -> str:
    """Return the order string of a sort name (`-created`, `summary.loss`), rows of the groups (fields, with commas) together."""
    keys = [f"+{field_name(one)}" for one in group.split(",") if one]
    name = sort.removeprefix("-")
    keys.append(("-" if sort.startswith("-") else "+") + field_name(name))
    return ",".join(keys)


def field_name(name: str) -> str:
    """Return the store's name of a field."""
    if name in _COLUMNS:
        return _COLUMNS[name]
    if name.startswith(("config.", "summary.", "tags.")):
        return name
    if name.startswith("c."):
        return f"config.{name[2:]}"
    return f"summary.{name}"


def _pattern(word: str) -> str:
    compile_pattern(word)
    return f"(?i){word}"


def _condition(condition: Condition, now: float, zone: str) -> dict[str, Any]:
    value, negated = condition.value, condition.operator == "!="
    if condition.field in {"tag", "tags"}:
        return {"tags": {"$ne": value}} if negated else {"tags": value}
    field = field_name(condition.field)
    operator = _OPERATORS.get(condition.operator)
    if field == "created_at":
        return _time(field, condition, now, zone)
    if field == "duration":
        span = _SPAN.match(value)
        return {field: {operator or "$eq": float(span[1]) * _UNITS[span[2]] if span else _literal(value)}}
    if operator is not None:
        return {field: {operator: _literal(value)}}
    if field == "state":
        value = value.lower()
    if field in _EXACT or condition.operator in {"=", "!="}:
        if field in _EXACT:
            values = [value, *value.split(",")] if condition.operator == ":" and "," in value else [value]
            alternatives: list[Any] = [{field: one} for one in values if one]
        else:
            alternatives = [{field: value}, {field: _literal(value)}]
        return {"$nor": alternatives} if negated else {"$or": alternatives}
    return {"$or": [{field: {"$regex": f"(?i){re.escape(value)}"}}, {field: _literal(value)}]}


def _time(field: str, condition: Condition, now: float, zone: str) -> dict[str, Any]:
    """An age (`<24h`; alone it means within) or a date, see `domain.periods`; what is neither matches nothing, as in the other lists."""
    span = _SPAN.match(condition.value)
    if span is not None:
        operator = _FLIPPED[_OPERATORS.get(condition.operator, "$lt")]
        return {field: {operator: now - float(span[1]) * _UNITS[span[2]]}}
    bounds = bounds_of(condition.operator, condition.value, zone_named(zone) or UTC)
    if bounds is None:
        return {field: {"$lt": 0}}
    ends = {key: end for key, end in (("$gte", bounds.low), ("$lt", bounds.high)) if end is not None}
    return {"$nor": [{field: ends}]} if bounds.is_outside else {field: ends}


def _literal(text: str) -> Any:
    """Return text as the number or boolean it spells, else as it is."""
    if text in {"true", "false"}:
        return text == "true"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
