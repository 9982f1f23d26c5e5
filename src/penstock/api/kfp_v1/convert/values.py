"""Small wire values of v1beta1: times, references, omission of empty fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.moments import utc_text

UNSET_TIME = "1970-01-01T00:00:00Z"


def time_to_wire(at: float | None) -> str:
    """RFC 3339 with `Z` and whole seconds; an unset time is the epoch."""
    return UNSET_TIME if at is None else utc_text(at)


def compact(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is empty, as protojson does."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, False)}


def reference(kind: str, object_id: str, name: str, relationship: str) -> dict[str, Any]:
    """A ResourceReference."""
    return compact({"key": {"type": kind, "id": object_id}, "name": name, "relationship": relationship})


def referenced_id(body: Mapping[str, Any], kind: str) -> str | None:
    """Id of the first resource reference of `kind` in a request, or None.

    Raises:
        InvalidArgumentError: the references are not a list of objects.
    """
    references = body.get("resource_references") or body.get("resourceReferences") or []
    if not isinstance(references, list):
        raise InvalidArgumentError("resource_references must be a list")
    for item in references:
        key = item.get("key") if isinstance(item, Mapping) else None
        if isinstance(key, Mapping) and key.get("type") == kind and key.get("id"):
            return str(key["id"])
    return None


def parameters_from_wire(items: Any) -> dict[str, Any]:
    """`[{name, value}]` as a mapping of texts.

    Raises:
        InvalidArgumentError: it is not such a list.
    """
    if items is None:
        return {}
    if not isinstance(items, list) or not all(isinstance(item, Mapping) and isinstance(item.get("name"), str) for item in items):
        raise InvalidArgumentError("parameters must be a list of name and value")
    return {item["name"]: "" if item.get("value") is None else str(item["value"]) for item in items}


def parameters_to_wire(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A mapping as `[{name, value}]`."""
    return [compact({"name": name, "value": text_value(value)}) for name, value in values.items()]


def text_value(value: Any) -> str:
    """A parameter as v1 shows it: strings as they are, everything else as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, separators=(",", ":"))
