"""MongoDB-style filters and order strings of the public API, parsed into the neutral question (wandb.md section 11).

Only syntax lives here; how a comparison is answered is the store's business (`interfaces.tracking_query` says what it means).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.matching import compile_filter
from penstock.domain.patterns import with_options
from penstock.interfaces.tracking_query import And, Compare, Field, FieldKind, Filter, Not, Operator, Or, Order

_COLUMN_NAMES: Mapping[str, str] = {
    "name": "name", "id": "name", "displayName": "display_name", "display_name": "display_name", "state": "state", "group": "group",
    "groupName": "group", "jobType": "job_type", "job_type": "job_type", "tags": "tags", "username": "user_name", "user": "user_name",
    "sweep": "sweep", "sweepName": "sweep", "host": "host", "notes": "notes", "description": "description", "program": "program",
    "jobProgram": "program", "commit": "commit", "repo": "repo", "duration": "duration", "createdAt": "created_at",
    "created_at": "created_at", "heartbeatAt": "heartbeat_at", "heartbeat_at": "heartbeat_at", "updatedAt": "updated_at",
    "updated_at": "updated_at", "finished_at": "finished_at", "task_id": "task_id", "pipeline_run_id": "pipeline_run_id",
    "user.username": "user_name", "user.name": "user_name", "runInfo.program": "program",
}  # fmt: skip
_TIME_COLUMNS = frozenset({"created_at", "heartbeat_at", "updated_at", "finished_at"})
_SHAPES = frozenset({Operator.SIZE, Operator.MOD, Operator.TYPE, Operator.ELEMENT})
_MAX_DEPTH = 40
_MAX_COMPARISONS = 500
_MAX_REGEX = 1000


def parse_filters(text: str | None, *, names: Sequence[str] | None = None) -> Filter:
    """Return the filter that JSON `text` stands for; None, empty text and `{}` match everything.

    `names` restricts the result to runs with these ids besides.

    Raises:
        InvalidArgumentError: not JSON, an unknown operator, or an operand that the operator cannot have.
    """
    parts: list[Filter] = []
    if names:
        parts.append(Compare(Field(FieldKind.COLUMN, "name"), Operator.IN, [str(name) for name in names]))
    if text and text.strip():
        try:
            document = json.loads(text)
        except ValueError as error:
            raise InvalidArgumentError(f"the run filter is not JSON: {error}") from error
        if document is not None:
            parts.append(_Parser().expression(document, depth=0))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def parse_order(text: str | None) -> tuple[Order, ...]:
    """Return the sort keys of `+a,-b`; empty or None: newest first.

    Raises:
        InvalidArgumentError: a key is empty.
    """
    orders = []
    for part in (text or "").split(","):
        word = part.strip()
        if not word:
            continue
        key = word.lstrip("+-").strip()
        if not key:
            raise InvalidArgumentError(f"cannot sort by {text!r}")
        orders.append(Order(parse_field(key), is_descending=word.startswith("-")))
    return tuple(orders)


def parse_field(key: str) -> Field:
    """Return the field that a filter or sort key names; an unknown key names a field that no run has."""
    if (column := _COLUMN_NAMES.get(key)) is not None:
        return Field(FieldKind.COLUMN, column)
    for prefix, kind in (
        ("config.", FieldKind.CONFIG),
        ("summary_metrics.", FieldKind.SUMMARY),
        ("summaryMetrics.", FieldKind.SUMMARY),
        ("summary.", FieldKind.SUMMARY),
        ("tags.", FieldKind.TAG),
        ("keys_info.keys.", FieldKind.HISTORY_KEY),
        ("keysInfo.keys.", FieldKind.HISTORY_KEY),
    ):
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            return Field(kind, _config_path(name) if kind is FieldKind.CONFIG else name)
    return Field(FieldKind.UNKNOWN, key)


def _config_path(name: str) -> str:
    """Drop the `value` wrapper: `lr.value` and `lr` are the same, `opt.value.lr` is `opt.lr`."""
    key, separator, rest = name.partition(".value")
    if separator and (not rest or rest.startswith(".")):
        return key + rest
    return name


class _Parser:
    """One pass over a filter document, with a bound on its size."""

    def __init__(self) -> None:
        self._left = _MAX_COMPARISONS

    def expression(self, document: Any, *, depth: int) -> Filter:
        """Parse `{"$and": [..], "field": condition, ..}`: all entries hold."""
        if depth > _MAX_DEPTH:
            raise InvalidArgumentError(f"a run filter may be nested {_MAX_DEPTH} levels deep")
        if not isinstance(document, dict):
            raise InvalidArgumentError(f"a run filter is an object, not {document!r:.100}")
        parts: list[Filter] = []
        for key, value in document.items():
            if key in {"$and", "$or", "$nor"}:
                if not isinstance(value, list):
                    raise InvalidArgumentError(f"{key} takes a list")
                inner = tuple(self.expression(part, depth=depth + 1) for part in value)
                parts.append(And(inner) if key == "$and" else Or(inner) if key == "$or" else Not(Or(inner)))
            elif key == "$not":
                parts.append(Not(self.expression(value, depth=depth + 1)))
            elif key.startswith("$"):
                raise InvalidArgumentError(f"unknown operator {key} in a run filter")
            else:
                parts.append(self._condition(parse_field(key), value, depth=depth + 1))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _condition(self, field: Field, value: Any, *, depth: int) -> Filter:
        """Parse what a field is compared with: a bare value or `{"$gt": 1, "$lt": 5}`."""
        if depth > _MAX_DEPTH:
            raise InvalidArgumentError(f"a run filter may be nested {_MAX_DEPTH} levels deep")
        if not isinstance(value, dict) or not any(key.startswith("$") for key in value):
            return self._compare(field, Operator.EQ, value)
        parts = tuple(self._operator(field, name, operand, value, depth=depth) for name, operand in value.items() if name != "$options")
        return parts[0] if len(parts) == 1 else And(parts)

    def _operator(self, field: Field, name: str, operand: Any, siblings: Mapping[str, Any], *, depth: int) -> Filter:
        if name == "$ne":
            return Not(self._compare(field, Operator.EQ, operand))
        if name == "$not":
            return Not(self._condition(field, operand, depth=depth + 1))
        if name == "$nin":
            return Not(self._operator(field, "$in", operand, siblings, depth=depth))
        if name == "$all":
            if not isinstance(operand, list):
                raise InvalidArgumentError(f"{name} takes a list")
            return And(tuple(self._compare(field, Operator.EQ, part) for part in operand)) if operand else Or(())
        try:
            operator = Operator(name)
        except ValueError:
            raise InvalidArgumentError(f"unknown operator {name} in a run filter") from None
        if operator is Operator.IN and not isinstance(operand, list):
            raise InvalidArgumentError(f"{name} takes a list")
        if operator is Operator.REGEX:
            if not isinstance(operand, str) or len(operand) > _MAX_REGEX:
                raise InvalidArgumentError(f"$regex takes text of at most {_MAX_REGEX} characters")
            operand = with_options(operand, siblings.get("$options", ""))
        if operator in _SHAPES:
            compile_filter({"field": {name: operand}})  # raises for an operand of the wrong form
        if operator is Operator.EXISTS:
            operand = bool(operand)
        return self._compare(field, operator, operand)

    def _compare(self, field: Field, operator: Operator, value: Any) -> Filter:
        self._left -= len(value) if operator is Operator.IN else 1
        if self._left < -10_000 or (operator is not Operator.IN and self._left < 0):
            raise InvalidArgumentError(f"a run filter may hold {_MAX_COMPARISONS} comparisons")
        if field.kind is FieldKind.COLUMN and field.name in _TIME_COLUMNS and operator not in {Operator.REGEX, Operator.EXISTS, *_SHAPES}:
            return _compare_time(field, operator, value)
        return Compare(field, operator, value)


def _compare_time(field: Field, operator: Operator, value: Any) -> Filter:
    """Compare a time as clients see it, cut to whole seconds: what they were told finds the run again.

    So `$lte` of a whole second holds within it, `$gt` begins with the next. A time with a fraction is compared as it is.
    """
    if operator is Operator.IN:
        return Or(tuple(_compare_time(field, Operator.EQ, part) for part in value))
    at = _seconds(value)
    if isinstance(value, int | float) or not isinstance(at, float) or not at.is_integer() or operator in {Operator.LT, Operator.GTE}:
        return Compare(field, operator, at)
    if operator is Operator.LTE:
        return Compare(field, Operator.LT, at + 1)
    if operator is Operator.GT:
        return Compare(field, Operator.GTE, at + 1)
    return And((Compare(field, Operator.GTE, at), Compare(field, Operator.LT, at + 1)))


def _seconds(value: Any) -> Any:
    """Return ISO 8601 text as seconds since the epoch; anything else unchanged. Text without a zone is UTC."""
    if isinstance(value, dict) and set(value) == {"$date"}:
        value = value["$date"]
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
