"""Inputs of a step as its author named them, and types of its values: a workflow knows texts only, the rest is in the SDK's notes.

Template inputs are named after what feeds them (`n`, `double-Output`); the note `arguments.parameters` tells which input of the
component each goes to, and the note `component_spec` what type that has (kfp 1.8 protocol notes, section 3.6).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from penstock.domain.expr import Expr, Format, ScopeInput
from penstock.spec.argo.document import COMPONENT_SPEC_KEY
from penstock.spec.argo.text import text_expr

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
_MAX_SHOWN = 10_000
"""Characters of a constant that is shown as an input; longer ones are data rather than settings."""
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
        elif name in arguments:
            found[name] = kind
    prefix = f"{template.get('name', '')}-"
    for name, kind in _types(component.get("outputs")):
        found[prefix + re.sub(r"[^A-Za-z0-9_]+", "-", name)] = kind
    return found


def component_inputs(template: Mapping[str, Any], arguments: Mapping[str, Expr]) -> dict[str, Expr]:
    """Return the inputs of a step's component that no template input shows: constants, and texts around other values, by their names.

    The SDK writes these into the command only; readers look for them among the inputs, as they find them in kfp 2.

    Args:
        template: the leaf's.
        arguments: what the task gives to the template's inputs.
    """
    found: dict[str, Expr] = {}
    for name, text in _note(template, _ARGUMENTS_KEY).items():
        if name in arguments or not isinstance(text, str) or len(text) > _MAX_SHOWN or _WHOLE.fullmatch(text):
            continue
        expr = text_expr(text)
        parts = expr.parts if isinstance(expr, Format) else (expr,)
        if all(part.name in arguments for part in parts if isinstance(part, ScopeInput)):
            own = tuple(arguments[part.name] if isinstance(part, ScopeInput) else part for part in parts)
            found[name] = own[0] if len(own) == 1 else Format(own)
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
