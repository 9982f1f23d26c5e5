"""Which regular expressions of strangers are looked for, and in how much of a text."""

from __future__ import annotations

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.patterns import MOST_CHARACTERS, compile_pattern


@pytest.mark.parametrize(
    "expression",
    ["(a+)+$", "(a|ab)*c", "(a?){60}a{60}", "(a|a){50}b", "(a{1,2})*b", "((a{0,9}){0,9}){0,9}b", "a?" * 40 + "a" * 40, "(\\w+\\s?)*$", "(?:(?:a|aa){9})*"],
)  # fmt: skip
def test_what_could_take_for_ever_is_refused(expression: str) -> None:
    with pytest.raises(InvalidArgumentError, match="for ever"):
        compile_pattern(expression)


@pytest.mark.parametrize("expression", ["(", "a{99999999999}", "(" * 2000 + ")" * 2000, "(?P<a>x)(?P<a>y)"])
def test_what_is_no_expression_is_told(expression: str) -> None:
    with pytest.raises(InvalidArgumentError, match="not a regular expression"):
        compile_pattern(expression)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("^(train|eval)-\\d+$", "eval-17"), ("\\d{1,3}(?:\\.\\d{1,3}){3}", "at 10.0.0.17"), ("[0-9a-f]{8}-[0-9a-f]{4}", "5c7a698e-fa0a"),
        ("(?i)MNIST.*v\\d+", "mnist of v2"), ("^(?!.*debug).*error", "an error"), ("work:3,.*", "work:3,inner:1"), ("(foo)\\1", "foofoo"), ("", ""),
    ],
)  # fmt: skip
def test_what_people_write_is_looked_for(expression: str, text: str) -> None:
    assert compile_pattern(expression).is_in(text)


@pytest.mark.parametrize(("expression", "least"), [("mnist", MOST_CHARACTERS), ("a.*b", 3000), ("a.*b.*c", 300), ("a.*b.*c.*d", 100)])
def test_of_long_texts_as_much_is_looked_at_as_takes_no_longer(expression: str, least: int) -> None:
    pattern = compile_pattern(expression)
    assert pattern.reach >= least
    assert not pattern.is_in("a" * 1_000_000)
