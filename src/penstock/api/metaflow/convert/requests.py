"""Requests of the metadata service to domain values: bodies, filters, pages. Everything here may be hostile."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.flows import Authorship, NewArtifact, NewMetadata, Page, RunFilter, SortKey

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
_MOST_DIGITS = 9
"""Of a limit; what is beyond is more than `MAX_LIMIT` in any case."""
FILTERED_FIELDS = frozenset(
    {"flow_id", "run_number", "run_id", "user_name", "user", "ts_epoch", "last_heartbeat_ts", "tags", "system_tags", "status"}
)
"""What runs are filtered by, beside `_tags`."""
_OPERATORS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "co", "sw", "ew", "li", "is"})


def list_from_body(body: bytes) -> list[dict[str, Any]]:
    """Decode a JSON list of objects.

    Raises:
        InvalidArgumentError: it is anything else.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgumentError(f"the body is not JSON: {error}") from error
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidArgumentError("the body must be a JSON list of objects")
    return value


def text_list(value: Any, field: str) -> tuple[str, ...]:
    """A list of texts, null meaning none.

    Raises:
        InvalidArgumentError: it is anything else.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidArgumentError(f"{field} must be a list of strings")
    return tuple(value)


def authorship_from_wire(body: Mapping[str, Any]) -> Authorship:
    """User and tags of a body."""
    user = body.get("user_name")
    return Authorship(
        str(user) if user is not None else None,
        text_list(body.get("tags"), "tags"),
        text_list(body.get("system_tags"), "system_tags"),
    )


def supplied_id(body: Mapping[str, Any], field: str) -> str | None:
    """A client-supplied id, or None."""
    value = body.get(field)
    return None if value is None else str(value)


def metadata_from_wire(rows: Iterable[Mapping[str, Any]]) -> list[NewMetadata]:
    """Metadata rows of a POST.

    Raises:
        InvalidArgumentError: a row has no field name.
    """
    found = []
    for row in rows:
        if not isinstance(row.get("field_name"), str):
            raise InvalidArgumentError("a metadata row needs a field_name")
        found.append(NewMetadata(row["field_name"], row.get("value", ""), str(row.get("type") or ""), authorship_from_wire(row)))
    return found


def artifacts_from_wire(rows: Iterable[Mapping[str, Any]]) -> list[NewArtifact]:
    """Artifact rows of a POST.

    Raises:
        InvalidArgumentError: a row has no name, or its attempt is not a number.
    """
    found = []
    for row in rows:
        attempt = row.get("attempt_id", 0)
        if not isinstance(row.get("name"), str) or not isinstance(attempt, int | str) or not str(attempt).isdecimal():
            raise InvalidArgumentError("an artifact row needs a name and a numeric attempt_id")
        texts = {key: None if row.get(key) is None else str(row[key]) for key in ("location", "ds_type", "sha", "type", "content_type")}
        found.append(NewArtifact(name=row["name"], attempt_id=int(attempt), by=authorship_from_wire(row), **texts))
    return found


def filters_from_query(items: Iterable[tuple[str, str]]) -> list[RunFilter]:
    """`field=value` and `field:op=value` pairs, commas meaning OR; names with a leading underscore other than `_tags` are paging.

    Fields that runs do not have are no filters: upstream passes over them.

    Raises:
        InvalidArgumentError: unknown operator.
    """
    found = []
    for key, value in items:
        field, _, op = key.partition(":")
        if field == "_tags":
            found += _tag_filters(op or "all", value)
            continue
        if field.startswith("_"):
            continue
        if field not in FILTERED_FIELDS:
            continue
        operator = op or "eq"
        if operator not in _OPERATORS:
            raise InvalidArgumentError(f"unknown operator {operator!r}")
        found.append(RunFilter(field, [("is" if part == "null" else operator, part) for part in value.split(",")]))
    return found


def _tag_filters(op: str, value: str) -> list[RunFilter]:
    parts = value.split(",")
    if op in {"any", "likeany"}:
        return [RunFilter("_tags", [(op, part) for part in parts])]
    if op in {"all", "likeall"}:
        return [RunFilter("_tags", [(op, part)]) for part in parts]
    raise InvalidArgumentError(f"unknown tag operator {op!r}")


def page_from_query(query: Mapping[str, str]) -> Page:
    """`_limit` and `_cursor`; without both everything is wanted at once.

    Raises:
        InvalidArgumentError: a limit that is not a positive number, or a broken cursor.
    """
    limit, cursor = query.get("_limit"), query.get("_cursor")
    if limit is None and cursor is None:
        return Page()
    if limit is not None and (not limit.isdecimal() or int(limit[:_MOST_DIGITS]) < 1):
        raise InvalidArgumentError("_limit must be a positive number")
    return Page(min(int((limit or str(DEFAULT_LIMIT))[:_MOST_DIGITS]), MAX_LIMIT), _decode_cursor(cursor) if cursor else None)


def _decode_cursor(text: str) -> SortKey:
    try:
        value = orjson.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        return int(value[0]), int(value[1]), str(value[2])
    except (binascii.Error, ValueError, TypeError, IndexError, KeyError) as error:
        raise InvalidArgumentError("_cursor is not valid") from error


def encode_cursor(key: SortKey) -> str:
    """Cursor after the row with this key."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")
