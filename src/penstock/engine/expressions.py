"""Evaluates `domain.expr` expressions. Pure; what names mean is the `Scope`'s business.

Semantics: conditions follow CEL as KFP uses it (protocol notes, section 4.4), `argo...` comparisons follow Argo's `when`
(kfp 1.8 notes, section 3.2). A value that is not there is `UNSET`: bindings and subscripts pass it on, so that a default can
take its place, and every operator but `has` refuses it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, Protocol

from penstock.domain.errors import ExpressionError, InvalidArgumentError
from penstock.domain.expr import (
    UNSET,
    Call,
    Const,
    Expr,
    FinalStatus,
    Format,
    Index,
    LoopItem,
    OwnInput,
    ParseJson,
    RunField,
    ScopeInput,
    TaskOutput,
)
from penstock.domain.patterns import compile_pattern
from penstock.engine.values import is_number, json_form, shorten, text_form, type_name


class Scope(Protocol):
    """What the names of an expression stand for. Every method returns UNSET when there is no value."""

    def scope_input(self, name: str) -> Any:
        """Parameter input of the enclosing graph."""
        ...

    def own_input(self, name: str) -> Any:
        """Parameter input of the task itself."""
        ...

    def task_output(self, task: str, key: str) -> Any:
        """Output parameter of a sibling task."""
        ...

    def loop_item(self) -> Any:
        """Item of the innermost iteration."""
        ...

    def run_field(self, name: str) -> Any:
        """Fact about the run or task, see `domain.expr.RunField`."""
        ...

    def final_status(self, task: str) -> Any:
        """Status struct of a sibling task."""
        ...


def evaluate(expr: Expr, scope: Scope) -> Any:
    """Return the value of `expr`; UNSET when a bare reference has none.

    Raises:
        ExpressionError: an operator met a missing value or a type it does not take, or JSON text is malformed.
    """
    return _EVALUATORS[type(expr)](expr, scope)


def _loop_item(expr: LoopItem, scope: Scope) -> Any:
    value = scope.loop_item()
    if value is UNSET:
        raise ExpressionError("the loop item is used outside a loop")
    return value


def _format(expr: Format, scope: Scope) -> str:
    pieces: list[str] = []
    for part in expr.parts:
        value = evaluate(part, scope)
        if value is UNSET:
            # An own input that was not given reads as empty text, like null; a missing output of another task is an error.
            if not isinstance(part, OwnInput):
                raise ExpressionError(f"{describe(part)} has no value")
            continue
        pieces.append(text_form(value))
    return "".join(pieces)


def _parse_json(expr: ParseJson, scope: Scope) -> Any:
    value = evaluate(expr.operand, scope)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ExpressionError(f"{describe(expr.operand)} is not JSON: {shorten(value)}") from error


def _index(expr: Index, scope: Scope) -> Any:
    container = evaluate(expr.operand, scope)
    if container is UNSET:
        return UNSET
    key = evaluate(expr.key, scope)
    try:
        if isinstance(container, dict):
            return container[key if isinstance(key, str) else text_form(key)]
        if isinstance(container, list | tuple) and is_number(key) and float(key).is_integer() and key >= 0:
            return container[int(key)]
    except (KeyError, IndexError):
        pass
    raise ExpressionError(f"{describe(expr.operand)} has no {shorten(key)}: it is {type_name(container)} {shorten(container)}")


def _call(expr: Call, scope: Scope) -> Any:
    lazy = _LAZY.get(expr.op)
    if lazy is not None:
        return lazy(expr, scope)
    operator = _OPERATORS.get(expr.op)
    if operator is None:
        raise ExpressionError(f"unknown operator {expr.op!r}")
    values = [evaluate(arg, scope) for arg in expr.args]
    for value, arg in zip(values, expr.args, strict=True):
        if value is UNSET:
            raise ExpressionError(f"{describe(arg)} has no value")
    try:
        return operator(*values)
    except ExpressionError:
        raise
    except (TypeError, ValueError, ZeroDivisionError, OverflowError, re.error) as error:
        shown = ", ".join(shorten(value) for value in values)
        raise ExpressionError(f"{expr.op} cannot be applied to {shown}: {error}") from error


def _truth(expr: Expr, scope: Scope) -> bool:
    value = evaluate(expr, scope)
    if not isinstance(value, bool):
        shown = "no value" if value is UNSET else f"{type_name(value)} {shorten(value)}"
        raise ExpressionError(f"{describe(expr)} must be true or false, got {shown}")
    return value


def _decide(expr: Call, scope: Scope, decisive: bool) -> bool:
    """The value of `&&` or `||`: one operand that decides does so whatever is wrong with another, as in CEL."""
    first: ExpressionError | None = None
    for arg in expr.args:
        try:
            if _truth(arg, scope) is decisive:
                return decisive
        except ExpressionError as error:
            first = first or error
    if first is not None:
        raise first
    return not decisive


def _and(expr: Call, scope: Scope) -> bool:
    return _decide(expr, scope, decisive=False)


def _or(expr: Call, scope: Scope) -> bool:
    return _decide(expr, scope, decisive=True)


def _choose(expr: Call, scope: Scope) -> Any:
    test, then, otherwise = expr.args
    return evaluate(then if _truth(test, scope) else otherwise, scope)


def _has(expr: Call, scope: Scope) -> bool:
    try:
        return evaluate(expr.args[0], scope) is not UNSET
    except ExpressionError:
        return False


_LAZY: dict[str, Callable[[Call, Scope], Any]] = {"&&": _and, "||": _or, "?:": _choose, "has": _has}


def _equal(left: Any, right: Any) -> bool:
    if is_number(left) and is_number(right):
        return bool(left == right)
    return type_name(left) == type_name(right) and bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        same_kind = (is_number(left) and is_number(right)) or any(
            isinstance(left, kind) and isinstance(right, kind) for kind in (str, bool)
        )
        if not same_kind:
            raise ExpressionError(f"cannot order {type_name(left)} {shorten(left)} and {type_name(right)} {shorten(right)}")
        return compare(left, right)

    return apply


def _argo(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Compare numerically when both sides read as numbers, else as text."""

    def apply(left: Any, right: Any) -> bool:
        left_text, right_text = text_form(left), text_form(right)
        try:
            return compare(float(left_text), float(right_text))
        except ValueError:
            return compare(left_text, right_text)

    return apply


def _declared_text(plain: Callable[[Any, Any], bool], mixed: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Compare as `mixed` does when a number or boolean meets text, else as `plain` does."""

    def apply(left: Any, right: Any) -> bool:
        odd = [value for value in (left, right) if is_number(value) or isinstance(value, bool)]
        other = [value for value in (left, right) if isinstance(value, str)]
        return mixed(left, right) if len(odd) == len(other) == 1 else plain(left, right)

    return apply


def _not(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"! needs true or false, got {type_name(value)} {shorten(value)}")
    return not value


def _numbers(left: Any, right: Any) -> None:
    if not (is_number(left) and is_number(right)):
        raise TypeError("both sides must be numbers")


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return [*left, *right]
    _numbers(left, right)
    return left + right


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        _numbers(left, right)
        return compute(left, right)

    return apply


def _divide(left: Any, right: Any) -> Any:
    # JSON numbers of a pipeline are doubles, so 5 / 2 is 2.5; a whole result stays an integer.
    result = left / right
    return int(result) if isinstance(left, int) and isinstance(right, int) and left % right == 0 else result


def _divide_whole(left: Any, right: Any) -> int:
    # Towards zero, as in CEL, not Python's towards minus infinity.
    quotient = abs(left) // abs(right)
    return int(quotient if (left < 0) is (right < 0) else -quotient)


def _modulo(left: Any, right: Any) -> Any:
    # The sign is the dividend's, as in CEL, not Python's.
    result = math.fmod(left, right)
    return int(result) if isinstance(left, int) and isinstance(right, int) else result


def _negate(value: Any) -> Any:
    if not is_number(value):
        raise TypeError("the operand must be a number")
    return -value


def _to_int(value: Any) -> int:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            value = float(value)
    if not is_number(value) or not math.isfinite(value):
        raise TypeError("the operand must be a number or its text")
    return int(value)


def _to_double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("the operand must be a number or its text")
    return float(value)


_BOOLEANS = dict.fromkeys(("true", "True", "TRUE", "t", "T", "1"), True) | dict.fromkeys(("false", "False", "FALSE", "f", "F", "0"), False)


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _BOOLEANS:
        return _BOOLEANS[value]
    raise TypeError("the operand must be true or false or their text")


def _size(value: Any) -> int:
    if not isinstance(value, str | list | tuple | dict):
        raise TypeError("the operand must be a string, list or struct")
    return len(value)


def _in(item: Any, container: Any) -> bool:
    if isinstance(container, dict):
        return item in container
    if isinstance(container, list | tuple):
        return any(_equal(item, member) for member in container)
    if isinstance(container, str) and isinstance(item, str):
        return item in container
    raise TypeError("the right side must be a list or struct")


def _matches(text: Any, pattern: Any) -> bool:
    """Whether the expression is found in the text: in all of it or, when that could hold everybody up, with an error."""
    looked_at = text_form(text)
    try:
        found = compile_pattern(text_form(pattern))
    except InvalidArgumentError as error:
        raise ExpressionError(str(error)) from error
    if len(looked_at) > found.longest:
        raise ExpressionError(f"a text of {len(looked_at)} characters is too long for the regular expression {shorten(pattern)}")
    return found.is_in_all_of(looked_at)


def _of_texts(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        if not (isinstance(left, str) and isinstance(right, str)):
            raise TypeError("both must be texts")
        return test(left, right)

    return apply


def _to_uint(value: Any) -> int:
    number = _to_int(value)
    if number < 0:
        raise ValueError("the operand must not be negative")
    return number


def _map(*entries: Any) -> dict[str, Any]:
    return {text_form(key): value for key, value in zip(entries[::2], entries[1::2], strict=True)}


_OPERATORS: dict[str, Callable[..., Any]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "argo==": _argo(lambda left, right: left == right),
    "argo!=": _argo(lambda left, right: left != right),
    "argo<": _argo(lambda left, right: left < right),
    "argo<=": _argo(lambda left, right: left <= right),
    "argo>": _argo(lambda left, right: left > right),
    "argo>=": _argo(lambda left, right: left >= right),
    "argo=~": _matches,
    "argo!~": lambda text, pattern: not _matches(text, pattern),
    "=~": _matches,
    "!~": lambda text, pattern: not _matches(text, pattern),
    "!": _not,
    "+": _add,
    "-": _arithmetic(lambda left, right: left - right),
    "*": _arithmetic(lambda left, right: left * right),
    "/": _arithmetic(_divide),
    "int/": _arithmetic(_divide_whole),
    "%": _arithmetic(_modulo),
    "neg": _negate,
    "int": _to_int,
    "double": _to_double,
    "string": text_form,
    "json": json_form,
    "bool": _to_bool,
    "size": _size,
    "in": _in,
    "uint": _to_uint,
    "dyn": lambda value: value,
    "list": lambda *items: list(items),
    "map": _map,
    "contains": _of_texts(lambda text, part: part in text),
    "startsWith": _of_texts(str.startswith),
    "endsWith": _of_texts(str.endswith),
    "matches": _of_texts(_matches),
}
# Operands that a definition calls text although the value may be none.
_OPERATORS |= {f"text{op}": _declared_text(_OPERATORS[op], _OPERATORS[f"argo{op}"]) for op in ("==", "!=", "<", "<=", ">", ">=")}
OPERATORS = frozenset(_OPERATORS) | frozenset(_LAZY)
"""Every operator that `Call` may name."""

_EVALUATORS: dict[type, Callable[[Any, Scope], Any]] = {
    Const: lambda expr, _: expr.value,
    ScopeInput: lambda expr, scope: scope.scope_input(expr.name),
    OwnInput: lambda expr, scope: scope.own_input(expr.name),
    TaskOutput: lambda expr, scope: scope.task_output(expr.task, expr.key),
    RunField: lambda expr, scope: scope.run_field(expr.name),
    FinalStatus: lambda expr, scope: scope.final_status(expr.task),
    LoopItem: _loop_item,
    Format: _format,
    ParseJson: _parse_json,
    Index: _index,
    Call: _call,
}


def describe(expr: Expr) -> str:
    """Words for `expr` in an error message."""
    match expr:
        case ScopeInput(name) | OwnInput(name):
            return f"input `{name}`"
        case TaskOutput(task, key):
            return f"output `{key}` of `{task}`"
        case FinalStatus(task):
            return f"status of `{task}`"
        case RunField(name):
            return f"run field `{name}`"
        case LoopItem():
            return "the loop item"
        case Const(value):
            return json_form(value)
        case ParseJson(operand) | Index(operand, _):
            return describe(operand)
        case Format():
            return "the text"
        case Call(op, _):
            return f"`{op}`"


def references(expr: Expr) -> set[Expr]:
    """Every reference (inputs, outputs, item, run fields, statuses) inside `expr`."""
    match expr:
        case Const():
            return set()
        case Format(parts):
            return set().union(*(references(part) for part in parts))
        case ParseJson(operand):
            return references(operand)
        case Index(operand, key):
            return references(operand) | references(key)
        case Call(_, args):
            return set().union(*(references(arg) for arg in args))
        case _:
            return {expr}
