"""`when` of an Argo task: parsed once into an expression, so that values can never change what the condition means.

Argo substitutes text first and parses afterwards; parsing first gives the same answer for everything the 1.8 compiler writes and
keeps a value with quotes or operators in it harmless. Grammar: `||`, `&&`, `!`, parentheses, `== != < <= > >= =~ !~` between
operands that are quoted text or bare words, both possibly with tags. The compiler puts the text of a comparison between quotes as it
is, so that a text with quotes in it makes no expression; such a comparison is read as its author meant it.
"""

from __future__ import annotations

import re

from penstock.domain.errors import SpecError
from penstock.domain.expr import Call, Const, Expr
from penstock.spec.argo.text import text_expr

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<op>\|\||&&|==|!=|<=|>=|=~|!~|<|>|!|\(|\)) |
        "(?P<double>(?:\{\{[^{}]*\}\}|\\.|[^"\\])*)" |
        '(?P<single>(?:\{\{[^{}]*\}\}|\\.|[^'\\])*)' |
        (?P<bare>(?:\{\{[^{}]*\}\}|[^\s"'()&|=!<>])+)
    )""",
    re.VERBOSE,
)
_AS_COMPILED = re.compile(r'"(\{\{[^{}]*\}\})" (==|!=|<=|>=|<|>) "(.*)"|"(.*)" (==|!=|<=|>=|<|>) "(\{\{[^{}]*\}\})"', re.DOTALL)
"""A comparison of a tag with a text, in either order, as the compiler writes it."""
_COMPARE = frozenset({"==", "!=", "<", "<=", ">", ">=", "=~", "!~"})


def parse_when(text: str, *, place: str) -> Expr:
    """Parse a `when` expression.

    Raises:
        SpecError: it is malformed; names the place.
    """
    try:
        return _Parser(text, place).parse()
    except SpecError:
        meant = _AS_COMPILED.fullmatch(text.strip())
        if meant is None:
            raise
        left, op, right = (part for part in meant.groups() if part is not None)
        return Call("argo" + op, (text_expr(left), text_expr(right)))


class _Parser:
    def __init__(self, text: str, place: str) -> None:
        self._place = place
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        at = 0
        stripped = text.rstrip()
        while at < len(stripped):
            match = _TOKEN.match(stripped, at)
            if match is None:
                raise self._error(f"unexpected {stripped[at : at + 10]!r}")
            kind = match.lastgroup or ""
            self._tokens.append((kind, match.group(kind)))
            at = match.end()
        self._next = 0

    def _error(self, why: str) -> SpecError:
        return SpecError(f"invalid 'when' expression {self._text!r}: {why}", place=self._place)

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("end", "")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._next += 1
        return token

    def parse(self) -> Expr:
        expr = self._or()
        if self._peek()[0] != "end":
            raise self._error(f"unexpected {self._peek()[1]!r}")
        return expr

    def _or(self) -> Expr:
        left = self._and()
        while self._peek() == ("op", "||"):
            self._take()
            left = Call("||", (left, self._and()))
        return left

    def _and(self) -> Expr:
        left = self._not()
        while self._peek() == ("op", "&&"):
            self._take()
            left = Call("&&", (left, self._not()))
        return left

    def _not(self) -> Expr:
        if self._peek() == ("op", "!"):
            self._take()
            return Call("!", (self._not(),))
        if self._peek() == ("op", "("):
            self._take()
            inner = self._or()
            if self._take() != ("op", ")"):
                raise self._error("missing ')'")
            return inner
        return self._comparison()

    def _comparison(self) -> Expr:
        left = self._operand()
        kind, op = self._peek()
        if kind == "op" and op in _COMPARE:
            self._take()
            return Call("argo" + op, (left, self._operand()))
        return Call("argo==", (left, Const("true")))

    def _operand(self) -> Expr:
        kind, text = self._take()
        if kind == "bare":
            return text_expr(text)
        if kind in {"double", "single"}:
            return text_expr(re.sub(r"\\(.)", r"\1", text))
        raise self._error(f"expected a value, found {text!r}" if text else "it ends too early")
