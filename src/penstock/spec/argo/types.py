"""Types of a step's values, for readers: every value of a workflow is text, what it stands for is in the SDK's notes on the template.

Template inputs are named after what feeds them (`n`, `double-Output`); the note `arguments.parameters` tells which input of the
component each goes to, and the note `component_spec` what type that has (kfp 1.8 protocol notes, section 3.6).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from penstock.spec.argo.document import COMPONENT_SPEC_KEY

_ARGUMENTS_KEY = "pipelines.kubeflow.org/arguments.parameters"
_WORDS = {
    "Integer": "NUMBER_INTEGER",
    "Float": "NUMBER_DOUBLE",
    "Bool": "BOOLEAN",
    "Boolean": "BOOLEAN",
    "String": "STRING",
    "JsonObject": "STRUCT",
    "JsonArray": "LIST",
}
_WHOLE = re.compile(r"\{\{inputs\.parameters\.(.+?)\}\}")


def value_types(template: Mapping[str, Any]) -> dict[str, str]:
    """Return the types of a leaf's parameters, inputs and outputs, by their names in the template; those not known are missing."""
    component = _note(template, COMPONENT_SPEC_KEY)
    arguments = _note(template, _ARGUMENTS_KEY)
    found: dict[str, str] = {}
    for name, kind in _types(component.get("inputs")):
        match = _WHOLE.fullmatch(str(arguments.get(name, "")))
        if match is not None:
            found[match.group(1)] = kind
    prefix = f"{template.get('name', '')}-"
    for name, kind in _types(component.get("outputs")):
        found[prefix + re.sub(r"[^A-Za-z0-9_]+", "-", name)] = kind
    return found


def _types(specs: Any) -> list[tuple[str, str]]:
    items = [item for item in specs if isinstance(item, Mapping)] if isinstance(specs, list) else []
    return [(str(item.get("name")), _WORDS[item["type"]]) for item in items if isinstance(item.get("type"), str) and item["type"] in _WORDS]


def _note(template: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    try:
        value = json.loads(annotations.get(key, "{}"))
    except (ValueError, TypeError):
        return {}
    return value if isinstance(value, Mapping) else {}
