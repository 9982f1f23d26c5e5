"""Parser for the CEL expressions of KFP conditions and selectors, to `Expr`.

The grammar is the part of CEL that has a meaning on JSON values: literals, `inputs.parameter_values['x']`, indexing and
field selection, `! -`, arithmetic, comparison, `in`, `&&`, `||`, the ternary, and the functions `int double string bool size
has parseJson`. The SDK writes only a small part of it (kfp protocol notes, section 4.4); hand-written specs may use the rest.
Evaluation rules are those of `domain.expr.Call`.

The SDK puts the text that a parameter is compared with between two quotes as it is (observed with 2.0.1 to 2.17.3), so that
`x == "it's"` becomes `... == 'it's'`, which is not CEL. So it does with a number or boolean that is compared with a text: the whole
reference stands between two quotes (`'int(inputs.parameter_values['x'])' == '5'`); its text is meant. A condition that is no CEL is read
once more in these ways.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import SpecError
from penstock.domain.expr import Call, Const, Expr, Format, Index, OwnInput, ParseJson

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:0[xX][0-9a-fA-F]+|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)[uU]?)
    | (?P<string>[rR]?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"))
    | (?P<name>[A-Za-z_]\w*)
    | (?P<op>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:()\[\].,{}])
    )""",
    re.VERBOSE | re.DOTALL,
)
_VERBATIM = re.compile(r"\s*'(.*?)'(?=\s*(?:$|\)+\s*(?:$|&&)|&&))", re.DOTALL)
"""A string as the SDK writes it, always on the right of a comparison: to the first quote after which that can be over."""
_QUOTED_REFERENCE = re.compile(r"'(?:int\()?(inputs\.parameter_values\['[^']*'\])\)?'")
"""A number or boolean as the SDK writes it when the other side is a text."""
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
_PLAIN_ESCAPES = "\\?\"'`"
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_FUNCTIONS = {"int", "double", "string", "bool", "size"}
_MAX_DEPTH = 50

Names = Callable[[str], Expr | None]
"""Gives the expression for a free name, or None when there is no such name."""


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The value `inputs` (or `inputs.parameter_values`), which exists only to be selected from."""

    path: str


def parse_condition(text: str, *, place: str, texts: Collection[str] = ()) -> Expr:
    """Return the condition over `inputs.parameter_values[...]` as an expression over the task's own inputs.

    Args:
        text: the condition.
        place: where it stands.
        texts: inputs that the component declares as STRING. The SDK declares the keys of a loop's items so, whatever they are, and
            quotes what they are compared with (`item.a > 5` becomes `> '5'`): a number or boolean among them is compared by its value.

    Raises:
        SpecError: `text` is not an expression of the grammar.
    """
    try:
        return _Parser(text, place, names=None, texts=texts).parse()
    except SpecError:
        meant = _QUOTED_REFERENCE.sub(r"string(\1)", text)
        for is_verbatim in (False, True) if "'" in text else ():
            with contextlib.suppress(SpecError):
                return _Parser(meant, place, names=None, texts=texts, is_verbatim=is_verbatim).parse()
        raise


def parse_selector(text: str, value: Expr, *, place: str) -> Expr:
    """Return `parameterExpressionSelector` applied to `value`.

    `string_value` is the value as JSON text, or the string itself; `parseJson(string_value)` is therefore the value parsed.

    Raises:
        SpecError: `text` is not an expression of the grammar.
    """
    return _Parser(text, place, names=lambda name: Format((value,)) if name == "string_value" else None).parse()


class _Parser:
    """Recursive descent, one method per precedence level of the CEL grammar."""

    def __init__(self, text: str, place: str, names: Names | None, texts: Collection[str] = (), *, is_verbatim: bool = False) -> None:
        self._text = text
        self._is_verbatim = is_verbatim
        self._texts = texts
        self._place = place
        self._names = names
        self._tokens = self._scan()
        self._at = 0
        self._depth = 0

    def _scan(self) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        end = 0
        text = self._text.rstrip()
        while end < len(text):
            is_right = bool(tokens) and tokens[-1][1] in _COMPARISONS
            if self._is_verbatim and is_right and (verbatim := _VERBATIM.match(text, end)):
                tokens.append(("verbatim", verbatim.group(1)))
                end = verbatim.end()
                continue
            match = _TOKEN.match(text, end)
            if match is None or match.lastgroup is None:
                raise self._error(f"unexpected character {text[end:].strip()[:1]!r}")
            tokens.append((match.lastgroup, match.group(match.lastgroup)))
            end = match.end()
        return tokens

    def _error(self, message: str) -> SpecError:
        return SpecError(f"{message} in expression {self._text!r}", place=self._place)

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) and self._tokens[self._at][0] in {"op", "name"} else ""

    def _accept(self, *ops: str) -> str | None:
        token = self._peek()
        if token in ops:
            self._at += 1
            return token
        return None

    def _expect(self, op: str) -> None:
        if self._accept(op) is None:
            found = self._tokens[self._at][1] if self._at < len(self._tokens) else "the end"
            raise self._error(f"expected {op!r}, found {found!r}")

    def parse(self) -> Expr:
        """Return the whole text as one expression."""
        result = self._ternary()
        if self._at < len(self._tokens):
            raise self._error(f"unexpected {self._tokens[self._at][1]!r}")
        return result

    def _ternary(self) -> Expr:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error("too deeply nested")
        condition = self._or()
        if self._accept("?"):
            yes = self._or()
            self._expect(":")
            condition = Call("?:", (condition, yes, self._ternary()))
        self._depth -= 1
        return condition

    def _or(self) -> Expr:
        return self._chain("||", self._and)

    def _and(self) -> Expr:
        return self._chain("&&", self._relation)

    def _chain(self, op: str, operand: Callable[[], Expr]) -> Expr:
        """Return one call for `a && b && c`: an SDK writes as many operands as an If has branches."""
        operands = [operand()]
        while self._accept(op):
            operands.append(operand())
        return operands[0] if len(operands) == 1 else Call(op, tuple(operands))

    def _relation(self) -> Expr:
        left = self._sum()
        while op := self._accept(*_COMPARISONS, "in"):
            right = self._sum()
            declared = op != "in" and any(isinstance(side, OwnInput) and side.name in self._texts for side in (left, right))
            left = Call(f"text{op}" if declared else op, (left, right))
        return left

    def _sum(self) -> Expr:
        left = self._product()
        while op := self._accept("+", "-"):
            left = Call(op, (left, self._product()))
        return left

    def _product(self) -> Expr:
        left = self._unary()
        while op := self._accept("*", "/", "%"):
            left = Call(op, (left, self._unary()))
        return left

    def _unary(self) -> Expr:
        ops: list[str] = []
        while op := self._accept("!", "-"):
            ops.append(op)
        value = self._member()
        for op in reversed(ops):
            if op == "-" and isinstance(value, Const) and isinstance(value.value, int | float) and not isinstance(value.value, bool):
                value = Const(-value.value)
            else:
                value = Call("!" if op == "!" else "neg", (value,))
        return value

    def _member(self) -> Expr:
        value = self._primary()
        while True:
            if self._accept("."):
                key: Expr = Const(self._name())
            elif self._accept("["):
                key = self._ternary()
                self._expect("]")
            else:
                break
            value = self._select(value, key)
        if isinstance(value, _Inputs):
            raise self._error(f"{value.path!r} has to be followed by the name of a parameter")
        return value

    def _select(self, value: Expr | _Inputs, key: Expr) -> Expr | _Inputs:
        if not isinstance(value, _Inputs):
            return Index(value, key)
        if not isinstance(key, Const) or not isinstance(key.value, str):
            raise self._error("the name of an input has to be a string literal")
        if value.path == "inputs":
            if key.value not in {"parameter_values", "parameters"}:
                raise self._error(f"'inputs.{key.value}' is not available in conditions")
            return _Inputs(f"inputs.{key.value}")
        return OwnInput(key.value)

    def _name(self) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "name":
            self._at += 1
            return self._tokens[self._at - 1][1]
        raise self._error("expected a name after '.'")

    def _primary(self) -> Expr | _Inputs:
        if self._at >= len(self._tokens):
            raise self._error("unexpected end")
        kind, token = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return Const(_number(token))
        if kind == "verbatim":
            return Const(token)
        if kind == "string":
            return Const(self._string(token))
        if kind == "name":
            return self._named(token)
        if token == "(":
            inner = self._ternary()
            self._expect(")")
            return inner
        if token == "[":
            return self._list()
        raise self._error(f"unexpected {token!r}")

    def _string(self, token: str) -> str:
        if token[0] in "rR":
            return token[2:-1]

        def unescape(match: re.Match[str]) -> str:
            short, unicode4, unicode8, octal, char = match.groups()
            code = short or unicode4 or unicode8
            if code:
                return chr(int(code, 16))
            if octal:
                return chr(int(octal, 8))
            if self._names is None and char not in _ESCAPES and char not in _PLAIN_ESCAPES:
                raise self._error(f"unknown escape {match.group()!r}")
            return _ESCAPES.get(char, char)

        return _ESCAPE.sub(unescape, token[1:-1])

    def _list(self) -> Expr:
        values: list[Any] = []
        while not self._accept("]"):
            item = self._ternary()
            if not isinstance(item, Const):
                raise self._error("lists may hold literals only")
            values.append(item.value)
            if not self._accept(","):
                self._expect("]")
                break
        return Const(values)

    def _named(self, name: str) -> Expr | _Inputs:
        if name in {"true", "false", "null"}:
            return Const({"true": True, "false": False, "null": None}[name])
        if self._peek() == "(":
            return self._function(name)
        if name == "inputs" and self._names is None:
            return _Inputs("inputs")
        value = self._names(name) if self._names else None
        if value is None:
            raise self._error(f"unknown name {name!r}")
        return value

    def _function(self, name: str) -> Expr:
        self._expect("(")
        argument = self._ternary()
        self._expect(")")
        if name == "parseJson":
            is_text = isinstance(argument, Format) and len(argument.parts) == 1
            return ParseJson(argument.parts[0] if is_text and isinstance(argument, Format) else argument)
        if name == "has":
            return Call("has", (argument,))
        if name in _FUNCTIONS:
            return Call(name, (argument,))
        raise self._error(f"unknown function {name!r}")


def _number(token: str) -> int | float:
    text = token.rstrip("uU")
    if text[:2].lower() == "0x":
        return int(text, 16)
    return float(text) if any(mark in text for mark in ".eE") else int(text)
