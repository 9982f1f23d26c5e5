"""`when` expressions."""

from __future__ import annotations

import pytest

from penstock.domain.errors import SpecError
from penstock.domain.expr import Call, Const, Format, TaskOutput
from penstock.spec.argo.when import parse_when

FLIP = Format((TaskOutput("flip", "flip-Output"),))
TAG = "{{tasks.flip.outputs.parameters.flip-Output}}"


def parse(text: str) -> object:
    return parse_when(text, place="here")


def test_quoted_operands_as_the_compiler_writes_them() -> None:
    assert parse(f'"{TAG}" == "heads"') == Call("argo==", (FLIP, Const("heads")))


def test_bare_operands_of_order_comparisons() -> None:
    assert parse(f"{TAG} > 5") == Call("argo>", (FLIP, Const("5")))


def test_not_binds_tighter_than_and_and_and_tighter_than_or() -> None:
    one = Call("argo==", (Const("a"), Const("b")))
    assert parse("!(a == b) && a == b || a == b") == Call("||", (Call("&&", (Call("!", (one,)), one)), one))


def test_a_single_operand_means_true() -> None:
    assert parse(TAG) == Call("argo==", (FLIP, Const("true")))


def test_an_operator_inside_a_value_is_text() -> None:
    assert parse('"a == b" == "c && d"') == Call("argo==", (Const("a == b"), Const("c && d")))


@pytest.mark.parametrize("word", ['say "x"', '"', 'a" == "b', "{'k': \"v\"}"])
def test_quotes_in_a_text_that_the_compiler_put_between_quotes_are_text(word: str) -> None:
    assert parse(f'"{TAG}" == "{word}"') == Call("argo==", (FLIP, Const(word)))
    assert parse(f'"{word}" != "{TAG}"') == Call("argo!=", (Const(word), FLIP))


@pytest.mark.parametrize("text", ["", "==", "a ==", "(a == b", "a == b)", 'a == "b', "a == b c"])
def test_malformed_expressions_name_the_place(text: str) -> None:
    with pytest.raises(SpecError, match=r"^here: invalid 'when'"):
        parse(text)
