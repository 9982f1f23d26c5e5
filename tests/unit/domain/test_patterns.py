"""Which regular expressions of strangers are looked for, and in how much of a text."""

from __future__ import annotations

import re
import re._parser as sre_parser  # type: ignore[import-not-found]
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.automaton import Automaton
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.patterns import MOST_CHARACTERS, compile_pattern, with_options


@pytest.mark.parametrize("expression", ["(?=(a+)+$)b", "((a|ab)*)\\1", "(?>a+)+(x+x+)+y", "((a{0,99}){0,99}){0,99}b"])
def test_what_could_take_for_ever_is_refused(expression: str) -> None:
    with pytest.raises(InvalidArgumentError, match="for ever"):
        compile_pattern(expression)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("^(foo|bar)+$", "foobarfoo"), ("(a+)+$", "aaaa"), ("^(a|ab)*c", "abac"), ("(a?){60}a{60}", "a" * 60), ("a?" * 40 + "a" * 40, "a" * 40), ("(\\w+\\s?)*$", "a few words"),
        ("((a{0,9}){0,9}){0,9}b", "aab"), ("^(?:(?:a|aa){9})*$", "a" * 27), ("^.*train.*resnet(18|50).*v\\d+$", "a train of resnet50, v2"), ("(?i)^(lr=.*;)+$", "LR=1;lr=2;"),
    ],
)  # fmt: skip
def test_repeated_repetitions_and_alternatives_are_looked_for_quickly(expression: str, text: str) -> None:
    pattern = compile_pattern(expression)
    assert pattern.is_in(text)
    before = time.process_time()
    assert expression.startswith(("^", "(?i)")) or pattern.is_in("x" * 500 + text)
    for far in ("a" * 3000 + "\n!", "ab" * 1500 + "!", "foobar" * 500 + "!", "train resnet" * 250):
        pattern.is_in(far)
    assert time.process_time() - before < 2


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


@pytest.mark.parametrize(("expression", "least"), [("mnist", MOST_CHARACTERS), ("a.*b.*c.*d.*e.*f", 20_000), ("(foo|bar)+", 20_000), ("(?=a).*b", 3000), ("(?=a).*b.*c", 300)])
def test_of_long_texts_as_much_is_looked_at_as_takes_no_longer(expression: str, least: int) -> None:
    pattern = compile_pattern(expression)
    assert pattern.reach >= least
    assert not pattern.is_in("a" * 1_000_000)


_PARTS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\w", "\\d", "\\b", "\\B", "^", "$", "\n", "\\s", "é", "A", "[a-c_]", "\\A", "\\Z", "(?i:aé)", "(?s:.)", "(?m:^)", "(?m:$)"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,3}", "{1,}", "*?", "+?"])).map(lambda pair: f"({pair[0]}){pair[1]}"),
    ),
    max_leaves=8,
)  # fmt: skip


@given(_PARTS, st.text("abAé1_ \n", max_size=8))
def test_the_automaton_finds_what_the_backtracking_engine_finds(expression: str, text: str) -> None:
    assert Automaton(sre_parser.parse(expression)).is_in(text) == bool(re.search(expression, text))


def test_an_automaton_forgets_ways_and_goes_on() -> None:
    automaton = Automaton(sre_parser.parse("(x.)+y"))
    text = "".join(chr(0x4E00 + number) for number in range(20_500))
    assert not automaton.is_in(text)
    assert automaton.is_in(text + "xay")


@pytest.mark.parametrize(("options", "finds"), [("", False), ("i", True), ("is", True), ("m", False)])
def test_options_stand_beside_an_expression(options: str, finds: bool) -> None:
    assert compile_pattern(with_options("^mnist", options)).is_in("MNIST") is finds


@pytest.mark.parametrize("options", ["g", 1, None])
def test_unknown_options_are_refused(options: object) -> None:
    with pytest.raises(InvalidArgumentError, match="imsx"):
        with_options("a", options)
