from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import SpecError
from penstock.domain.expr import Call, Const, Expr, Format, Index, OwnInput, ParseJson, ScopeInput
from penstock.spec.kfp.cel import parse_condition, parse_selector

X = OwnInput("x")


def call(op: str, *args: Any) -> Call:
    return Call(op, tuple(arg if not isinstance(arg, int | float | str | bool) else Const(arg) for arg in args))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inputs.parameter_values['x'] == 'heads'", call("==", X, "heads")),
        ('inputs.parameter_values["x"] != "a b"', call("!=", X, "a b")),
        ("int(inputs.parameter_values['x']) > 5", call(">", call("int", X), 5)),
        ("double(inputs.parameter_values['x']) <= -1.5", call("<=", call("double", X), -1.5)),
        ("!(inputs.parameter_values['x'] == true)", call("!", call("==", X, True))),
        ("inputs.parameter_values['x'] && true || false", call("||", call("&&", X, True), False)),
        ("1 + 2 * 3 == 7", call("==", call("+", 1, call("*", 2, 3)), 7)),
        ("inputs.parameter_values['x'] > 1 ? 'big' : 'small'", call("?:", call(">", X, 1), "big", "small")),
        ("inputs.parameter_values['x'] in ['a', 'b']", Call("in", (X, Const(["a", "b"])))),
        ("size(inputs.parameter_values['x']) >= 0x10", call(">=", call("size", X), 16)),
        ("inputs.parameter_values['x'].field[0] == 1", call("==", Index(Index(X, Const("field")), Const(0)), 1)),
        ("has(inputs.parameter_values['x'].a)", call("has", Index(X, Const("a")))),
        ("parseJson(inputs.parameter_values['x'])['k'] == null", Call("==", (Index(ParseJson(X), Const("k")), Const(None)))),
        (r"inputs.parameter_values['x'] == 'it\'s \u00e9\n'", call("==", X, "it's é\n")),
        (r"inputs.parameter_values['x'] == r'\d'", call("==", X, r"\d")),
        ("  -  5 == 1e3", call("==", -5, 1000.0)),
        ("inputs.parameter_values['x'].startsWith('a')", call("startsWith", X, "a")),
        ("inputs.parameter_values['x'].k.endsWith('a')", call("endsWith", Index(X, Const("k")), "a")),
        ("'abc'.contains(inputs.parameter_values['x'],)", call("contains", "abc", X)),
        ("inputs.parameter_values['x'].matches('^a') && matches('b', 'b')", call("&&", call("matches", X, "^a"), call("matches", "b", "b"))),
        ("inputs.parameter_values['x'].size() == 2u", call("==", call("size", X), 2)),
        ("[1, inputs.parameter_values['x']] == []", Call("==", (call("list", 1, X), Const([])))),
        ("{'a': 1}[inputs.parameter_values['x']]", Index(call("map", "a", 1), X)),
        ("'x' in inputs.parameter_values", call("has", X)),
        ("'x' in inputs.parameter_values['x']", call("in", "x", X)),
        ("int(inputs.parameter_values['x']) / 2", call("int/", call("int", X), 2)),
        ("inputs.parameter_values['x'] / 2", call("/", X, 2)),
    ],
)
def test_a_condition_becomes_an_expression(text: str, expected: Expr) -> None:
    assert parse_condition(text, place="p") == expected


@pytest.mark.parametrize("text", ["it's", "a'b\"c", "'", "\\", "C:\\data", "''", "don't (', or) do", "'x' == 'y'z", "é'\"\n"])
def test_text_that_the_sdk_put_between_quotes_as_it_is_is_compared_as_it_is(text: str) -> None:
    one = f"inputs.parameter_values['x'] == '{text}'"

    assert parse_condition(one, place="p") == call("==", X, text)
    assert parse_condition(f"!({one}) && {one}", place="p") == call("&&", call("!", call("==", X, text)), call("==", X, text))


@pytest.mark.parametrize("reference", ["int(inputs.parameter_values['x'])", "inputs.parameter_values['x']"])
@pytest.mark.parametrize("text", ["5", "it's"])
def test_a_reference_between_quotes_is_the_text_of_its_value(reference: str, text: str) -> None:
    as_text = Call("string", (X,))

    assert parse_condition(f"'{reference}' == '{text}'", place="p") == Call("==", (as_text, Const(text)))
    assert parse_condition(f"'5' != '{reference}'", place="p") == Call("!=", (Const("5"), as_text))


def test_a_condition_that_can_be_read_in_no_way_names_what_is_wrong_in_it_as_written() -> None:
    with pytest.raises(SpecError, match="expected '\\)'"):
        parse_condition("(inputs.parameter_values['x'] == 'it'", place="p")


def test_comparisons_with_inputs_declared_as_text_are_marked() -> None:
    condition = parse_condition("inputs.parameter_values['x'] > '5' && inputs.parameter_values['y'] > '5'", place="p", texts={"x"})

    assert condition == call("&&", call("text>", X, "5"), call(">", OwnInput("y"), "5"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "inputs",
        "inputs.parameter_values",
        "inputs.artifacts['x']",
        "inputs.parameter_values[1]",
        "unknown == 1",
        "system(1)",
        "1 = 2",
        "'open",
        "(1",
        "[1, inputs.parameter_values['x']",
        "{'a', 1}",
        "1 2",
        "9" * 5000,
        "99999999999999999999",
        r"inputs.parameter_values['x'].contains('\ud800')",
        r"inputs.parameter_values['x'].contains('\U00110000')",
        "!" * 5000 + "true",
        "1" + "+1" * 5000,
        "inputs.parameter_values['x']" + "[0]" * 5000,
        "inputs.startsWith('a')",
        "inputs.parameter_values['x'].replace('a', 'b')",
        "inputs.parameter_values['x'].startsWith()",
        "int(1, 2)",
        "parseJson()",
        "(" * 500 + "1" + ")" * 500,
        "#",
    ],
)
def test_a_malformed_condition_is_an_error_with_its_place(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_condition(text, place="root.dag.tasks.t.triggerPolicy.condition")

    assert caught.value.place == "root.dag.tasks.t.triggerPolicy.condition"


def test_a_selector_reads_the_value_parsed_or_as_text() -> None:
    value = ScopeInput("item")

    assert parse_selector('parseJson(string_value)["a"]["b"]', value, place="p") == Index(Index(ParseJson(value), Const("a")), Const("b"))
    assert parse_selector("string_value", value, place="p") == Format((value,))
    with pytest.raises(SpecError):
        parse_selector("inputs.parameter_values['x']", value, place="p")
