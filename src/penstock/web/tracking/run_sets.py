"""Run sets of wandb's own documents (reports, saved workspaces) as our lists are asked for: filter text, groups, order.

Semantics: observed with `wandb-workspaces` 0.4 on client 0.31. What the filter bar cannot say (alternatives of several fields, text of a
kind that it does not know) is no filter text at all: a part of a filter would show other runs than the whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from penstock.interfaces.pages import Condition
from penstock.web.lists.filters import filter_text, is_chip_field
from penstock.web.tracking.panel_specs import listed, mapping, text

_FIELDS = {
    "state": "state", "name": "id", "displayName": "name", "group": "group", "jobType": "job", "username": "user", "user": "user",
    "sweep": "sweep", "host": "host", "duration": "duration", "tags": "tag", "notes": "notes", "createdAt": "created",
}  # fmt: skip
_OPERATORS = {"=": "=", "==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_SPECIAL = re.compile(r"[.^$*+?{}\[\]\\|()]")
_SORTED = frozenset({"created", "name", "duration"})
"""Fields of a run that a workspace is sorted by."""


def grouping_of(chosen: Mapping[str, Any]) -> str:
    """Return what a run set is grouped by: fields and `config.<key>` with commas, the outermost first; or nothing."""
    found = []
    for one in map(mapping, listed(chosen.get("grouping"))[:3]):
        name = text(one.get("name"))
        own = {"jobType": "job", "username": "user"}.get(name, name)
        found.append(f"config.{name.removesuffix('.value')}" if one.get("section") == "config" and name else own)
    return ",".join(filter(None, found))


def query_of(chosen: Mapping[str, Any]) -> dict[str, str]:
    """Return the address of a workspace's list for a run set: `q`, `group`, `sort`, those that it has."""
    parts = {"q": _filter_text(chosen), "group": grouping_of(chosen), "sort": _order(chosen)}
    return {name: value for name, value in parts.items() if value}


def _filter_text(chosen: Mapping[str, Any]) -> str:
    search = mapping(chosen.get("search"))
    word = text(search.get("query")).strip()
    words = [word if search.get("isRegex") else _SPECIAL.sub(r"\\\g<0>", word)] if word else []
    leaves = _leaves(mapping(chosen.get("filters")))
    conditions = [_condition(leaf) for leaf in leaves or ()]
    said = [one for one in conditions if one is not None]
    return filter_text(words, said) if leaves is not None and len(said) == len(conditions) else ""


def _leaves(node: Mapping[str, Any], depth: int = 0) -> list[Mapping[str, Any]] | None:
    """Comparisons that hold together; None where alternatives are among them."""
    if node.get("disabled"):
        return []
    if "key" in node:
        return [node]
    inner = [mapping(one) for one in listed(node.get("filters"))]
    is_choice = text(node.get("op")).upper() == "OR" and len(inner) > 1
    if depth > 10 or is_choice or any(text(one.get("connector")).upper() == "OR" for one in inner):
        return None
    found = [_leaves(one, depth + 1) for one in inner]
    return None if None in found else [leaf for part in found if part is not None for leaf in part]


def _field(key: Mapping[str, Any]) -> str:
    name, section = text(key.get("name")), key.get("section")
    if section == "config":
        return f"config.{name.removesuffix('.value')}"
    return f"summary.{name}" if section == "summary" else _FIELDS.get(name, "")


def _condition(leaf: Mapping[str, Any]) -> Condition | None:
    field, operator, value = _field(mapping(leaf.get("key"))), text(leaf.get("op")).upper(), leaf.get("value")
    if not field or not is_chip_field(field):
        return None
    if operator == "WITHINSECONDS" and isinstance(value, int | float):
        return Condition(field, "<", f"{value:g}s")
    if operator == "IN" and field in {"state", "group", "job", "user"} and isinstance(value, list):
        return Condition(field, ":", ",".join(map(str, value)))
    if operator not in _OPERATORS or not isinstance(value, str | int | float) or field == "created":
        return None
    return Condition(field, _OPERATORS[operator], str(value).lower() if isinstance(value, bool) else str(value))


def _order(chosen: Mapping[str, Any]) -> str:
    keys = [mapping(one) for one in listed(mapping(chosen.get("sort")).get("keys"))]
    field = _field(mapping(keys[0].get("key"))) if keys else ""
    if field not in _SORTED and not field.startswith(("config.", "summary.")):
        return ""
    return field if keys[0].get("ascending") else f"-{field}"
