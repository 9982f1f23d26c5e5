"""Parameter values: text forms, coercion to declared types, and the hygiene of numbers that JSON turned into floats.

Pure functions over plain JSON values. Semantics: KFP protocol notes, sections 4.1, 4.2 and 4.11; the type rules hold for leaf
components only, because declared types of KFP sub-graphs are unreliable.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from penstock.domain.plan import ParameterSpec, ParameterType

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def text_form(value: Any) -> str:
    """Text of a value inside longer text: strings raw, integral numbers without `.0`, null empty, lists and structs compact JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json_form(value)


def json_form(value: Any) -> str:
    """Compact JSON text, integral floats written as integers."""
    return _compact.encode(tidy_numbers(value))


def tidy_numbers(value: Any) -> Any:
    """The same value with integral floats as integers, at any depth.

    Protocol buffers and YAML deliver every JSON number as a double; `range(3.0)` in a component would fail.
    """
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else value
    if isinstance(value, list | tuple):
        return [tidy_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: tidy_numbers(item) for key, item in value.items()}
    return value


def is_number(value: Any) -> bool:
    """Whether `value` is a JSON number (booleans are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def coerce(value: Any, spec: ParameterSpec) -> Any:
    """Return `value` as a leaf with the declared parameter `spec` receives it.

    A STRING that is not text becomes its JSON text; integral floats become integers in NUMBER_INTEGER, LIST and STRUCT.

    Raises:
        ValueError: the value has another type, or is not one of the allowed `literals`; the message is a sentence.
    """
    result = _coerce_type(value, spec)
    if spec.literals and not any(_same(result, literal) for literal in spec.literals):
        allowed = ", ".join(json_form(literal) for literal in spec.literals)
        raise ValueError(f"parameter `{spec.name}` must be one of {allowed}, got {shorten(value)}")
    return result


def _coerce_type(value: Any, spec: ParameterSpec) -> Any:
    kind = spec.type
    if kind is ParameterType.STRING:
        return value if isinstance(value, str) else json_form(value)
    if kind is ParameterType.NUMBER_INTEGER:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float) and math.isfinite(value) and value.is_integer():
            return int(value)
    elif kind is ParameterType.NUMBER_DOUBLE:
        if is_number(value):
            return value
    elif kind is ParameterType.BOOLEAN:
        if isinstance(value, bool):
            return value
    elif kind is ParameterType.LIST:
        if isinstance(value, list | tuple):
            return tidy_numbers(value)
    elif kind in (ParameterType.STRUCT, ParameterType.TASK_FINAL_STATUS, ParameterType.TASK_CONFIG):
        if isinstance(value, dict):
            return tidy_numbers(value)
    else:
        return value
    raise ValueError(f"parameter `{spec.name}` must be {_article(kind)}, got {type_name(value)} {shorten(value)}")


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


_WORDS = {
    ParameterType.NUMBER_INTEGER: "an integer",
    ParameterType.NUMBER_DOUBLE: "a number",
    ParameterType.BOOLEAN: "a boolean",
    ParameterType.LIST: "a list",
    ParameterType.STRUCT: "a struct",
    ParameterType.TASK_FINAL_STATUS: "a task status",
    ParameterType.TASK_CONFIG: "a task config",
}


def _article(kind: ParameterType) -> str:
    return f"{_WORDS[kind]} ({kind.value})"


def type_name(value: Any) -> str:
    """JSON type word of `value`, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "list" if isinstance(value, list | tuple) else "struct"


def shorten(value: Any, limit: int = 60) -> str:
    """JSON text of `value`, cut to about `limit` characters, for messages."""
    text = json_form(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def names(keys: Iterable[str], limit: int = 3) -> str:
    """`a`, `b`, `c` and 4 more: task or input names for a sentence."""
    listed = list(keys)
    shown = ", ".join(f"`{key}`" for key in listed[:limit])
    return shown if len(listed) <= limit else f"{shown} and {len(listed) - limit} more"
