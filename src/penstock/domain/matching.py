"""MongoDB-style filter documents, evaluated over anything that can look a field up: W&B clients filter versions and collections so.

A bare value means equality. Comparing unlike types is false, not an error; a field that holds several values (tags, aliases) matches
when one of them does. Times compare as numbers: ISO 8601 texts in the filter are turned into seconds where the field holds seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.patterns import compile_pattern, with_options

Lookup = Callable[[str], Sequence[Any]]
"""Values of a field; empty when the object lacks it."""
Predicate = Callable[[Lookup], bool]

_MAX_DEPTH = 50
_MAX_PATTERN = 1000
_JOINTS = frozenset({"$and", "$or", "$nor"})
_TYPE_ALIASES: Mapping[str, str] = {"double": "number", "int": "number", "long": "number", "decimal": "number"}
"""Numbers of JSON have one type."""
_TYPE_NUMBERS: Mapping[Any, str] = {
    1: "number", 2: "string", 3: "object", 4: "array", 8: "bool", 10: "null", 16: "number", 18: "number", 19: "number",
}  # fmt: skip


def compile_filter(document: Mapping[str, Any]) -> Predicate:
    """Return a predicate for a filter document.

    Raises:
        InvalidArgumentError: an operator is unknown, an operand has the wrong form, or the nesting is too deep.
    """
    return _all_of(document, 0)


def _all_of(document: Any, depth: int) -> Predicate:
    if not isinstance(document, Mapping):
        raise InvalidArgumentError(f"a filter must be an object, not {document!r}")
    if depth > _MAX_DEPTH:
        raise InvalidArgumentError("the filter is nested too deeply")
    parts = [_clause(key, value, depth) for key, value in document.items()]
    return lambda lookup: all(part(lookup) for part in parts)


def _clause(key: str, value: Any, depth: int) -> Predicate:
    if not key.startswith("$"):
        return _field(key, value, depth)
    if key == "$not":
        inner = _all_of(value, depth + 1)
        return lambda lookup: not inner(lookup)
    if key not in {"$and", "$or", "$nor"}:
        raise InvalidArgumentError(f"unknown filter operator {key!r}")
    if not _is_list(value):
        raise InvalidArgumentError(f"{key} needs a list")
    parts = [_all_of(entry, depth + 1) for entry in value]
    if key == "$and":
        return lambda lookup: all(part(lookup) for part in parts)
    if key == "$or":
        return lambda lookup: any(part(lookup) for part in parts)
    return lambda lookup: not any(part(lookup) for part in parts)


def _field(name: str, condition: Any, depth: int) -> Predicate:
    if isinstance(condition, Mapping) and any(str(key).startswith("$") for key in condition):
        if isinstance(expression := condition.get("$regex"), str):
            condition = {**condition, "$regex": with_options(expression, condition.get("$options", ""))}
            condition.pop("$options", None)
        tests = [_comparison(name, operator, operand, depth) for operator, operand in condition.items()]
        return lambda lookup: all(test(lookup) for test in tests)
    return _comparison(name, "$eq", condition, depth)


def _comparison(name: str, operator: str, operand: Any, depth: int) -> Predicate:
    if operator == "$not":
        inner = _field(name, operand, depth + 1)
        return lambda lookup: not inner(lookup)
    if operator == "$exists":
        return lambda lookup: bool(lookup(name)) == bool(operand)
    if operator in {"$ne", "$nin"}:
        positive = _comparison(name, "$eq" if operator == "$ne" else "$in", operand, depth)
        return lambda lookup: not positive(lookup)
    if operator == "$all":
        if not _is_list(operand):
            raise InvalidArgumentError("$all needs a list")
        each = [_comparison(name, "$eq", entry, depth) for entry in operand]
        return lambda lookup: bool(each) and all(one(lookup) for one in each)
    test = _element_test(operand, depth) if operator == "$elemMatch" else _value_test(operator, operand)
    if operator == "$eq" and operand is None:
        return lambda lookup: all(value is None for value in lookup(name))
    return lambda lookup: any(test(value) for value in lookup(name))


def _value_test(operator: str, operand: Any) -> Callable[[Any], bool]:
    if operator == "$eq":
        return lambda value: _equal(value, operand)
    if operator == "$in":
        if not _is_list(operand):
            raise InvalidArgumentError("$in needs a list")
        return lambda value: any(_equal(value, entry) for entry in operand)
    if operator in {"$regex", "$contains"}:
        return _text_test(operator, operand)
    if operator in {"$size", "$mod", "$type"}:
        return _shape_test(operator, operand)
    if operator not in {"$gt", "$gte", "$lt", "$lte"}:
        raise InvalidArgumentError(f"unknown filter operator {operator!r}")
    return lambda value: _ordered(operator, value, operand)


def _text_test(operator: str, operand: Any) -> Callable[[Any], bool]:
    if not isinstance(operand, str) or len(operand) > _MAX_PATTERN:
        raise InvalidArgumentError(f"{operator} needs a text of at most {_MAX_PATTERN} characters")
    if operator == "$contains":
        return lambda value: isinstance(value, str) and operand in value
    pattern = compile_pattern(operand)
    return lambda value: isinstance(value, str) and pattern.is_in(value)


def _shape_test(operator: str, operand: Any) -> Callable[[Any], bool]:
    if operator == "$type":
        kinds = {_type_name(entry) for entry in (operand if _is_list(operand) else [operand])}
        return lambda value: _type_of(value) in kinds
    if operator == "$size":
        if not _is_finite(operand) or operand < 0 or operand != int(operand):
            raise InvalidArgumentError("$size needs a whole number")
        return lambda value: isinstance(value, list) and len(value) == operand
    if not _is_list(operand) or len(operand) != 2 or not all(_is_finite(entry) for entry in operand) or not int(operand[0]):
        raise InvalidArgumentError("$mod needs a divisor and a remainder")
    divisor, remainder = (int(entry) for entry in operand)
    # Truncated division, as MongoDB has it: the remainder has the sign of the number.
    return lambda value: _is_finite(value) and abs(int(value)) % abs(divisor) * (-1 if value < 0 else 1) == remainder


def _element_test(condition: Any, depth: int) -> Callable[[Any], bool]:
    """Return whether a value is a list with an element for which all of `condition` holds."""
    if not isinstance(condition, Mapping):
        raise InvalidArgumentError("$elemMatch needs an object")
    is_plain = any(str(key).startswith("$") for key in condition) and not any(key in _JOINTS for key in condition)
    inner = _field("", condition, depth + 1) if is_plain else _all_of(condition, depth + 1)
    return lambda value: isinstance(value, list) and any(
        inner(lambda name, element=element: values_at(element, name)) for element in value  # type: ignore[misc]
    )


def values_at(document: Any, path: str) -> list[Any]:
    """Return the values that a dotted `path` leads to: through lists by index or by each of their objects; a list at its end counts as
    itself and as each of its elements.
    """
    found: list[Any] = []
    pending: list[tuple[Any, tuple[str, ...]]] = [(document, tuple(path.split(".")) if path else ())]
    while pending:
        value, parts = pending.pop()
        if not parts:
            found += [value, *value] if isinstance(value, list) else [value]
        elif isinstance(value, Mapping):
            pending += [(value[name], tuple(rest)) for name, rest in _splits(parts) if name in value]
        elif isinstance(value, list):
            pending += [(entry, parts) for entry in value if isinstance(entry, Mapping)]
            if parts[0].isdecimal() and int(parts[0]) < len(value):
                pending.append((value[int(parts[0])], parts[1:]))
    return found


def _splits(parts: Sequence[str]) -> list[tuple[str, Sequence[str]]]:
    """Return every way to read the first key: keys may hold dots."""
    return [(".".join(parts[:count]), parts[count:]) for count in range(1, len(parts) + 1)]


def _type_name(operand: Any) -> str:
    name = _TYPE_NUMBERS.get(operand, operand) if _is_finite(operand) else operand
    if not isinstance(name, str) or _TYPE_ALIASES.get(name, name) not in {"number", "string", "bool", "null", "array", "object"}:
        raise InvalidArgumentError(f"$type knows no {operand!r}")
    return _TYPE_ALIASES.get(name, name)


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_finite(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or math.isfinite(value))


def _equal(value: Any, operand: Any) -> bool:
    left, right = _comparable(value, operand)
    return _are_alike(left, right) and bool(left == right)


def _ordered(operator: str, value: Any, operand: Any) -> bool:
    left, right = _comparable(value, operand)
    if not _are_alike(left, right) or not (_is_number(left) or isinstance(left, str)):
        return False
    if operator == "$gt":
        return bool(left > right)
    if operator == "$gte":
        return bool(left >= right)
    return bool(left < right) if operator == "$lt" else bool(left <= right)


def _comparable(value: Any, operand: Any) -> tuple[Any, Any]:
    """Return both sides; next to a number, ISO times as seconds. One without a fraction is its whole second, as clients are told times."""
    if _is_number(value) and isinstance(operand, str):
        operand = _seconds(operand)
        if _is_number(operand) and operand == operand // 1:
            value = value // 1
    return value, operand


def _are_alike(left: Any, right: Any) -> bool:
    return type(left) is type(right) or (_is_number(left) and _is_number(right))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _seconds(text: str) -> Any:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
