"""Parameter values: checks against declared types, hygiene of numbers, text forms.

Protobuf and the compiled YAML turn every number into a double; components written for integers break on `3.0`. Semantics: kfp
protocol notes, sections 4.2, 4.11, 5.1 and 5.2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.domain.plan import ParameterType

_NUMBERS = frozenset({ParameterType.NUMBER_DOUBLE, ParameterType.NUMBER_INTEGER})
_STRUCTS = frozenset({ParameterType.STRUCT, ParameterType.TASK_FINAL_STATUS, ParameterType.TASK_CONFIG})
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def whole_numbers(value: Any) -> Any:
    """Return `value` with every integral float, also inside lists and structs, as an integer."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [whole_numbers(item) for item in value]
    return value


def to_type(value: Any, declared: ParameterType) -> Any:
    """Return `value` as a component of the declared type expects it; anything becomes JSON text for STRING.

    Raises:
        ValueError: the value is of another type; the message reads `expect X, got y` (upstream's words).
    """
    if declared is ParameterType.ANY:
        return value
    if declared is ParameterType.STRING:
        return value if isinstance(value, str) else text_of(value)
    if declared in _NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        if declared is ParameterType.NUMBER_DOUBLE:
            return float(value)
        if isinstance(value, int) or value.is_integer():
            return int(value)
    elif (
        (declared is ParameterType.BOOLEAN and isinstance(value, bool))
        or (declared is ParameterType.LIST and isinstance(value, list | tuple))
        or (declared in _STRUCTS and isinstance(value, Mapping))
    ):
        return whole_numbers(value)
    raise ValueError(f"expect {declared.value}, got {word_of(value)}")


def text_of(value: Any) -> str:
    """Return the text form of a value in a command: strings raw, whole numbers without `.0`, the rest compact JSON, null empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(whole_numbers(value), separators=(",", ":"), ensure_ascii=False)


def from_text(text: str, declared: ParameterType) -> Any:
    """Return the value that a command wrote to an output file as text.

    Raises:
        ValueError: the text does not read as the declared type; the message says how.
    """
    if declared in {ParameterType.STRING, ParameterType.ANY}:
        return text
    stripped = text.strip()
    if declared is ParameterType.BOOLEAN:
        if stripped in _TRUE or stripped in _FALSE:
            return stripped in _TRUE
        raise ValueError(f"expect BOOLEAN, got {_excerpt(text)}")
    try:
        if declared is ParameterType.NUMBER_INTEGER:
            return int(stripped)
        if declared is ParameterType.NUMBER_DOUBLE:
            return float(stripped)
        value = json.loads(stripped)
    except ValueError:
        raise ValueError(f"expect {declared.value}, got {_excerpt(text)}") from None
    return to_type(value, declared)


def word_of(value: Any) -> str:
    """Return upstream's word for the kind of a value, with the value when it is short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        kind = "bool"
    elif isinstance(value, int | float):
        kind = "number"
    elif isinstance(value, str):
        kind = "string"
    else:
        kind = "struct" if isinstance(value, Mapping) else "list"
    return f"{kind} {_excerpt(text_of(value))}"


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
