"""Filters and sort orders as clients write them, turned into predicates and sort keys. Pure; which fields a list has is data.

Both API generations of KFP share the grammar and differ in one word: v2beta1 says `operation`, v1beta1 `op`.

Semantics: kfp protocol notes, section 2.4; kfp-v1 notes, section 2.3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.listing import Op, Predicate, Scalar, Sort

_MAX_FILTER_BYTES = 64 * 1024
_MAX_PREDICATES = 50
_MOST_DIGITS = 20
_OP_NUMBERS = {
    1: Op.EQUALS,
    2: Op.NOT_EQUALS,
    3: Op.GREATER_THAN,
    5: Op.GREATER_THAN_EQUALS,
    6: Op.LESS_THAN,
    7: Op.LESS_THAN_EQUALS,
    8: Op.IN,
    9: Op.IS_SUBSTRING,
}
_WIRE_OPS = {op.value: op for op in _OP_NUMBERS.values()}
_SINGLE_VALUES = {
    "intValue": "number",
    "int_value": "number",
    "longValue": "number",
    "long_value": "number",
    "stringValue": "text",
    "string_value": "text",
    "timestampValue": "time",
    "timestamp_value": "time",
}
_LIST_VALUES = {
    "intValues": "number",
    "int_values": "number",
    "longValues": "number",
    "long_values": "number",
    "stringValues": "text",
    "string_values": "text",
}


class FieldKind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    """A string."""
    NUMBER = "number"
    """A number."""
    TIME = "time"
    """A moment."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What a list can be filtered and sorted by."""

    name: str
    """Of the list; its page tokens are no tokens of another list."""
    kinds: Mapping[str, FieldKind]
    """By name."""
    filter_prefixes: tuple[str, ...] = ()
    """Beginnings of open-ended filter keys, for example `tags.`."""
    sort_prefixes: tuple[str, ...] = ()
    """Beginnings of open-ended sort keys, for example `metric:`."""


_TIME, _TEXT = FieldKind.TIME, FieldKind.TEXT
RUN_FIELDS = Fields(
    "runs",
    {
        **dict.fromkeys(
            ("run_id", "id", "display_name", "name", "description", "storage_state", "status", "state", "namespace", "experiment_id"), _TEXT
        ),
        **dict.fromkeys(("state_history", "runtime_details", "recurring_run_id", "job_id"), _TEXT),
        **dict.fromkeys(("pipeline_id", "pipeline_version_id", "pipeline_name"), _TEXT),
        **dict.fromkeys(("created_at", "finished_at", "scheduled_at"), _TIME),
    },
    filter_prefixes=("parameters.", "tags.", "metric:"),
    sort_prefixes=("metric:", "parameters."),
)
EXPERIMENT_FIELDS = Fields(
    "experiments",
    {
        **dict.fromkeys(("experiment_id", "id", "name", "display_name", "description", "namespace", "storage_state"), _TEXT),
        **dict.fromkeys(("created_at", "last_run_created_at"), _TIME),
    },
)
RECURRING_RUN_FIELDS = Fields(
    "recurring runs",
    {
        **dict.fromkeys(("recurring_run_id", "id", "name", "display_name", "description", "status", "experiment_id", "namespace"), _TEXT),
        **dict.fromkeys(("pipeline_id", "pipeline_version_id"), _TEXT),
        **dict.fromkeys(("created_at", "updated_at"), _TIME),
    },
)
PIPELINE_FIELDS = Fields(
    "pipelines",
    {**dict.fromkeys(("pipeline_id", "id", "name", "display_name", "description", "namespace"), _TEXT), "created_at": _TIME},
    filter_prefixes=("tags.",),
)
VERSION_FIELDS = Fields(
    "versions",
    {
        **dict.fromkeys(
            ("pipeline_version_id", "id", "name", "display_name", "status", "description", "pipeline_spec", "pipeline_id"), _TEXT
        ),
        "created_at": _TIME,
    },
    filter_prefixes=("tags.",),
)
TASK_FIELDS = Fields(
    "tasks",
    {
        **dict.fromkeys(("task_id", "id", "run_id", "name", "display_name", "state", "type", "parent_task_id", "component"), _TEXT),
        **dict.fromkeys(("create_time", "created_at", "start_time", "end_time"), _TIME),
    },
)
ARTIFACT_FIELDS = Fields(
    "artifacts",
    {**dict.fromkeys(("artifact_id", "id", "name", "type", "uri", "run_id", "task_id"), _TEXT), "created_at": _TIME},
)
ARTIFACT_USE_FIELDS = Fields("artifact uses", {"created_at": _TIME})


def parse_filter(text: str, fields: Fields, *, operation_key: str = "operation") -> tuple[Predicate, ...]:
    """Read a JSON filter document; empty text means no condition.

    Raises:
        InvalidArgumentError: not JSON of the expected shape, unknown field or operation, a value that does not fit.
    """
    if not text:
        return ()
    document = _decode(text)
    unknown = [name for name in document if name != "predicates"]
    if unknown:
        raise InvalidArgumentError(f"filter: unknown part {unknown[0]!r}; a filter has predicates")
    predicates = document.get("predicates", [])
    if not isinstance(predicates, list) or len(predicates) > _MAX_PREDICATES:
        raise InvalidArgumentError(f"filter: predicates has to be a list of at most {_MAX_PREDICATES} objects")
    return tuple(_predicate(entry, fields, operation_key) for entry in predicates)


def parse_sort(text: str, fields: Fields) -> Sort:
    """Read `field`, `field asc` or `field desc`; empty text means oldest first.

    Raises:
        InvalidArgumentError: unknown field, or more words than that.
    """
    words = text.split()
    if not words:
        return Sort()
    direction = words[1].lower() if len(words) > 1 else "asc"
    if len(words) > 2 or direction not in {"asc", "desc"}:
        raise InvalidArgumentError(f"sort_by: {text!r} is not '<field>', '<field> asc' or '<field> desc'")
    key = words[0]
    if key not in fields.kinds and key.lower() in fields.kinds:
        key = key.lower()
    if key not in fields.kinds and not _has_prefix(key, fields.sort_prefixes):
        raise InvalidArgumentError(f"sort_by: unknown field {key!r}; known: {', '.join(sorted(fields.kinds))}")
    return Sort(key, is_descending=direction == "desc")


def parse_time(text: str) -> float:
    """Return seconds since the epoch of an RFC 3339 time; without offset it is UTC.

    Raises:
        InvalidArgumentError: not such a time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise InvalidArgumentError(f"{text!r} is not an RFC 3339 time such as 2026-01-31T10:00:00Z") from None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).timestamp()
    except OverflowError:
        raise InvalidArgumentError(f"{text!r} is not a time of the years 1 to 9999") from None


def _decode(text: str) -> Mapping[str, Any]:
    if len(text) > _MAX_FILTER_BYTES:
        raise InvalidArgumentError("filter: too long")
    for candidate in (text, unquote(text)):  # clients exist that encode the filter twice
        try:
            document = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict):
            return document
    raise InvalidArgumentError("filter: not a JSON object with predicates")


def _predicate(entry: Any, fields: Fields, operation_key: str) -> Predicate:
    if not isinstance(entry, dict):
        raise InvalidArgumentError("filter: a predicate has to be an object")
    op = _operation(entry.get(operation_key, entry.get("op" if operation_key == "operation" else "operation")))
    key = entry.get("key")
    if not isinstance(key, str) or not key:
        raise InvalidArgumentError("filter: a predicate has no key")
    if key not in fields.kinds and not _has_prefix(key, fields.filter_prefixes):
        raise InvalidArgumentError(f"filter: unknown key {key!r}; known: {', '.join(sorted(fields.kinds))}")
    value_keys = [name for name in entry if name in _SINGLE_VALUES or name in _LIST_VALUES]
    unknown = [name for name in entry if name not in {"key", "op", "operation", *value_keys}]
    if unknown:
        raise InvalidArgumentError(f"filter: unknown part {unknown[0]!r} of a predicate")
    if len(value_keys) != 1:
        raise InvalidArgumentError(f"filter: the predicate on {key!r} needs exactly one value")
    return Predicate(key, op, _values(entry, value_keys[0], op, fields.kinds.get(key), key))


def _operation(given: Any) -> Op:
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise InvalidArgumentError("filter: a predicate has no operation")
    numbered = isinstance(given, int) or (given.isdecimal() and len(given) < _MOST_DIGITS)
    op = _OP_NUMBERS.get(int(given)) if numbered else _WIRE_OPS.get(str(given).upper())
    if op is None:
        raise InvalidArgumentError(f"filter: unknown operation {given!r}; known: {', '.join(sorted(_WIRE_OPS))}")
    return op


def _values(entry: Mapping[str, Any], name: str, op: Op, kind: FieldKind | None, key: str) -> tuple[Scalar, ...]:
    raw = entry[name]
    if name in _LIST_VALUES:
        if op is not Op.IN:
            raise InvalidArgumentError(f"filter: {op} on {key!r} takes one value, not a list")
        items = raw.get("values") if isinstance(raw, dict) else None
        if not isinstance(items, list):
            raise InvalidArgumentError(f"filter: {name} has to be an object with a list of values")
        return tuple(_value(item, _LIST_VALUES[name], kind, key) for item in items)
    if op is Op.IN:
        raise InvalidArgumentError(f"filter: IN on {key!r} takes a list of values")
    if op is Op.IS_SUBSTRING and _SINGLE_VALUES[name] != "text":
        raise InvalidArgumentError(f"filter: IS_SUBSTRING on {key!r} takes a string value")
    return (_value(raw, _SINGLE_VALUES[name], kind, key),)


def _value(raw: Any, form: str, kind: FieldKind | None, key: str) -> Scalar:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise InvalidArgumentError(f"filter: the value for {key!r} has to be a string or a number")
    if form == "time" or kind is FieldKind.TIME:
        if kind is FieldKind.TEXT:
            raise InvalidArgumentError(f"filter: {key!r} is not a time")
        return parse_time(raw) if isinstance(raw, str) and not _is_number(raw) else float(raw)
    if form == "number":
        if not _is_number(raw):
            raise InvalidArgumentError(f"filter: {raw!r} for {key!r} is not a number")
        return str(raw) if kind is FieldKind.TEXT else float(raw)
    return str(raw)


def _is_number(raw: Any) -> bool:
    try:
        float(raw)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _has_prefix(key: str, prefixes: tuple[str, ...]) -> bool:
    return any(key.startswith(prefix) and len(key) > len(prefix) for prefix in prefixes)
