"""The expression language."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import ExpressionError
from penstock.domain.expr import UNSET, Call, Const, Expr, Format, Index, LoopItem, OwnInput, ParseJson, ScopeInput, TaskOutput
from penstock.engine.expressions import OPERATORS, evaluate, references


class _Names:
    """A scope with one value: own input `x` is 5; everything else is absent."""

    def scope_input(self, name: str) -> Any:
        return UNSET

    def own_input(self, name: str) -> Any:
        return 5 if name == "x" else UNSET

    def task_output(self, task: str, key: str) -> Any:
        return UNSET

    def loop_item(self) -> Any:
        return UNSET

    def run_field(self, name: str) -> Any:
        return UNSET

    def final_status(self, task: str) -> Any:
        return UNSET


def _value(expr: Expr) -> Any:
    return evaluate(expr, _Names())


def _call(op: str, *args: Any) -> Any:
    return _value(Call(op, tuple(Const(arg) for arg in args)))


@pytest.mark.parametrize(
    ("op", "args", "value"),
    [
        ("==", (1, 1.0), True),
        ("==", (1, True), False),
        ("==", ("1", 1), False),
        ("==", (None, None), True),
        ("==", ([1], [1]), True),
        ("!=", ("a", 1), True),
        ("text==", (1, "1"), True),
        ("text==", (True, "true"), True),
        ("text!=", (1.5, "1.5"), False),
        ("text>", (10, "9"), True),
        ("text>", ("10", "9"), False),
        ("text==", (None, "null"), False),
        ("<", (1, 1.5), True),
        (">=", ("b", "a"), True),
        ("!", (False,), True),
        ("+", ("a", "b"), "ab"),
        ("+", ([1], [2]), [1, 2]),
        ("+", (1, 2.5), 3.5),
        ("-", (3, 1), 2),
        ("*", (3, 2), 6),
        ("/", (5, 2), 2.5),
        ("/", (4, 2), 2),
        ("%", (7, 4), 3),
        ("neg", (3,), -3),
        ("int", ("7",), 7),
        ("int", (7.9,), 7),
        ("double", ("1.5",), 1.5),
        ("string", (2.0,), "2"),
        ("string", ("a",), "a"),
        ("json", ("a",), '"a"'),
        ("json", ([1.0],), "[1]"),
        ("bool", ("true",), True),
        ("bool", ("0",), False),
        ("uint", ("7",), 7),
        ("dyn", ("a",), "a"),
        ("list", (1, "a"), [1, "a"]),
        ("map", ("a", 1, "b", 2), {"a": 1, "b": 2}),
        ("contains", ("heads", "ea"), True),
        ("startsWith", ("heads", "he"), True),
        ("endsWith", ("heads", "he"), False),
        ("matches", ("v1.25", "[0-9]+[.][0-9]{2}$"), True),
        ("int/", (-7, 2), -3),
        ("size", ([1, 2],), 2),
        ("in", (1, [2, 1.0]), True),
        ("in", ("a", {"a": 1}), True),
        ("=~", ("abc", "^a.c$"), True),
        ("!~", ("abc", "^b"), True),
        ("argo==", ("1", 1.0), True),
        ("argo==", ("a", "a"), True),
        ("argo<", ("9", "10"), True),
        ("argo<", ("b", "a"), False),
        ("argo=~", ("heads", "^h"), True),
        ("&&", (True, False), False),
        ("||", (False, True), True),
        ("?:", (True, 1, 2), 1),
    ],
)
def test_operators(op: str, args: tuple[Any, ...], value: Any) -> None:
    result = _call(op, *args)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("op", "args"),
    [
        ("<", (1, "a")),
        ("<", (True, 1)),
        ("+", ("a", 1)),
        ("neg", ("a",)),
        ("/", (1, 0)),
        ("int", ("a",)),
        ("int", (True,)),
        ("double", ([1],)),
        ("bool", ("yes",)),
        ("size", (3,)),
        ("in", (1, 2)),
        ("!", (1,)),
        ("&&", (1, True)),
        ("=~", ("a", "(")),
        ("uint", (-1,)),
        ("contains", (["a"], "a")),
        ("startsWith", ("1", 1)),
        ("matches", (1, "1")),
        ("int/", (1, 0)),
        ("no such", (1,)),
    ],
)
def test_operators_refuse_what_they_do_not_take(op: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(ExpressionError):
        _call(op, *args)


def test_logic_is_lazy() -> None:
    broken = Call("<", (Const(1), Const("a")))
    assert _value(Call("&&", (Const(False), broken))) is False
    assert _value(Call("||", (Const(True), broken))) is True
    assert _value(Call("?:", (Const(False), broken, Const(3)))) == 3


def test_what_decides_stands_beside_an_error() -> None:
    broken = Call("<", (Const(1), Const("a")))
    assert _value(Call("&&", (broken, Const(False)))) is False
    assert _value(Call("||", (broken, Const(True)))) is True
    with pytest.raises(ExpressionError, match="cannot order"):
        _value(Call("||", (broken, Const(False))))


@pytest.mark.parametrize("op", ["matches", "=~", "argo=~"])
def test_no_expression_to_be_looked_for_holds_everybody_up(op: str) -> None:
    with pytest.raises(ExpressionError, match="could take for ever"):
        _call(op, "a" * 40 + "b", "((a{0,99}){0,99}){0,99}b")
    assert _call(op, "a" * 40 + "b", "(a+)+$") is False
    assert _call(op, "a" * 40 + "b", "^(a+)+b$") is True
    with pytest.raises(ExpressionError, match="a text of 300000 characters is too long"):
        _call(op, "a" * 300_000, ".*a.*b")
    assert _call(op, "a" * 300_000 + "b", "b$") is True


def test_absence_passes_through_references_and_subscripts_only() -> None:
    missing = TaskOutput("t", "o")
    assert _value(missing) is UNSET
    assert _value(Index(ParseJson(missing), Const("k"))) is UNSET
    assert _value(Call("has", (missing,))) is False
    assert _value(Call("has", (OwnInput("x"),))) is True
    with pytest.raises(ExpressionError, match="output `o` of `t` has no value"):
        _value(Call("==", (missing, Const(1))))
    with pytest.raises(ExpressionError, match="output `o` of `t` has no value"):
        _value(Format((missing,)))


def test_texts() -> None:
    parts = (Const("n="), OwnInput("x"), Const(None), Const(True), Const([1.0, "a"]), OwnInput("absent"))
    assert _value(Format(parts)) == 'n=5true[1,"a"]'


@pytest.mark.parametrize(("container", "key"), [({"a": 1}, "b"), ([1], 1), ([1], -1), ("text", 0)])
def test_a_missing_subscript_is_an_error(container: Any, key: Any) -> None:
    with pytest.raises(ExpressionError):
        _value(Index(Const(container), Const(key)))


def test_malformed_json_and_items_outside_loops_are_errors() -> None:
    with pytest.raises(ExpressionError, match="is not JSON"):
        _value(ParseJson(Const("{")))
    with pytest.raises(ExpressionError, match="outside a loop"):
        _value(LoopItem())


def test_references_are_found_at_any_depth() -> None:
    expr = Call("&&", (Format((OwnInput("a"), Const(1))), Index(ParseJson(ScopeInput("b")), LoopItem())))
    assert references(expr) == {OwnInput("a"), ScopeInput("b"), LoopItem()}


def test_every_documented_operator_exists() -> None:
    documented = "== != < <= > >= && || ! + - * / int/ % neg ?: int uint double string json bool dyn size in =~ !~ has"
    documented += " list map contains startsWith endsWith matches"
    assert set(documented.split()) <= OPERATORS
