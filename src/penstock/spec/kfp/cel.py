"""Parser for the CEL expressions of KFP conditions and selectors, to `Expr`.

The grammar is the part of CEL that has a meaning on JSON values: literals, `inputs.parameter_values['x']`, indexing and
field selection, `! -`, arithmetic, comparison, `in`, `&&`, `||`, the ternary, lists, maps, the functions `int uint double string bool
dyn size matches has parseJson`, and the methods `contains startsWith endsWith matches size`. That is the standard library, with which
KFP's driver evaluates, but for times, bytes, types and macros. The SDK writes only a small part of it (kfp protocol notes, section 4.4);
hand-written specs may use the rest.
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
_FUNCTIONS = {"int": 1, "uint": 1, "double": 1, "string": 1, "bool": 1, "dyn": 1, "size": 1, "matches": 2}
"""With the number of what they take."""
_METHODS = {"contains": 1, "startsWith": 1, "endsWith": 1, "matches": 1, "size": 0}
_MOST_DIGITS = 100
_LAST_CHARACTER = 0x10FFFF
_PRESENCE = [("name", "inputs"), ("op", "."), ("name", "parameter_values")]
_MAX_DEPTH = 50
_MOST_LEVELS = 250
"""Of an expression, whose operators apply to one another without parentheses too."""

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


class _Tokens:
    """The tokens of an expression, read from left to right."""

    def __init__(self, text: str, place: str, *, is_verbatim: bool) -> None:
        self._text = text
        self._place = place
        self._is_verbatim = is_verbatim
        self._tokens = self._scan()
        self._at = 0

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

    def _name(self) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "name":
            self._at += 1
            return self._tokens[self._at - 1][1]
        raise self._error("expected a name after '.'")


class _Parser(_Tokens):
    """Recursive descent, one method per precedence level of the CEL grammar."""

    def __init__(self, text: str, place: str, names: Names | None, texts: Collection[str] = (), *, is_verbatim: bool = False) -> None:
        super().__init__(text, place, is_verbatim=is_verbatim)
        self._texts = texts
        self._names = names
        self._depth = 0

    def parse(self) -> Expr:
        """Return the whole text as one expression."""
        result = self._ternary()
        if self._at < len(self._tokens):
            raise self._error(f"unexpected {self._tokens[self._at][1]!r}")
        if _depth_of(result) > _MOST_LEVELS:
            raise self._error("too deeply nested")
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
            if op == "in" and isinstance(left, Const) and isinstance(left.value, str) and self._accept_presence():
                left = Call("has", (OwnInput(left.value),))
                continue
            right = self._sum()
            declared = op != "in" and any(isinstance(side, OwnInput) and side.name in self._texts for side in (left, right))
            left = Call(f"text{op}" if declared else op, (left, right))
        return left

    def _accept_presence(self) -> bool:
        """Whether all inputs stand on the right of an `in`, which asks for one by its name."""
        end = self._at + len(_PRESENCE)
        is_whole = self._names is None and self._tokens[self._at : end] == _PRESENCE
        if is_whole and (end == len(self._tokens) or self._tokens[end] not in {("op", "."), ("op", "[")}):
            self._at = end
            return True
        return False

    def _sum(self) -> Expr:
        left = self._product()
        while op := self._accept("+", "-"):
            left = Call(op, (left, self._product()))
        return left

    def _product(self) -> Expr:
        left = self._unary()
        while op := self._accept("*", "/", "%"):
            right = self._unary()
            left = Call("int/" if op == "/" and _is_whole(left) and _is_whole(right) else op, (left, right))
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
                key: Expr = Const(name := self._name())
                if self._peek() == "(":
                    value = self._method(value, name)
                    continue
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

    def _primary(self) -> Expr | _Inputs:
        if self._at >= len(self._tokens):
            raise self._error("unexpected end")
        kind, token = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return Const(self._number(token))
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
        if token == "{":
            return self._map()
        raise self._error(f"unexpected {token!r}")

    def _number(self, token: str) -> int | float:
        text = token.rstrip("uU")
        if text[:2].lower() != "0x" and any(mark in text for mark in ".eE"):
            return float(text)
        number = int(text, 16 if text[:2].lower() == "0x" else 10) if len(text) <= _MOST_DIGITS else 2**64
        if number >= 2**64:
            raise self._error("a number of more than 64 bits")
        return number

    def _string(self, token: str) -> str:
        if token[0] in "rR":
            return token[2:-1]

        def unescape(match: re.Match[str]) -> str:
            short, unicode4, unicode8, octal, char = match.groups()
            code = short or unicode4 or unicode8
            if code:
                point = int(code, 16)
                if point > _LAST_CHARACTER or 0xD800 <= point < 0xE000:
                    raise self._error(f"no character {match.group()!r}")
                return chr(point)
            if octal:
                return chr(int(octal, 8))
            if self._names is None and char not in _ESCAPES and char not in _PLAIN_ESCAPES:
                raise self._error(f"unknown escape {match.group()!r}")
            return _ESCAPES.get(char, char)

        return _ESCAPE.sub(unescape, token[1:-1])

    def _list(self) -> Expr:
        items = self._until("]")
        if all(isinstance(item, Const) for item in items):
            return Const([item.value for item in items if isinstance(item, Const)])
        return Call("list", items)

    def _map(self) -> Expr:
        entries: list[Expr] = []
        while not self._accept("}"):
            entries.append(self._ternary())
            self._expect(":")
            entries.append(self._ternary())
            if not self._accept(","):
                self._expect("}")
                break
        return Call("map", tuple(entries))

    def _until(self, end: str) -> tuple[Expr, ...]:
        """Expressions between commas, up to `end`; one comma may follow the last."""
        found: list[Expr] = []
        while not self._accept(end):
            found.append(self._ternary())
            if not self._accept(","):
                self._expect(end)
                break
        return tuple(found)

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
        arguments = self._until(")")
        if len(arguments) == 1 and name in {"parseJson", "has"}:
            argument = arguments[0]
            if name == "has":
                return Call("has", (argument,))
            is_text = isinstance(argument, Format) and len(argument.parts) == 1
            return ParseJson(argument.parts[0] if is_text and isinstance(argument, Format) else argument)
        if name not in _FUNCTIONS:
            raise self._error(f"unknown function {name!r}")
        return self._called(name, arguments, _FUNCTIONS[name])

    def _method(self, value: Expr | _Inputs, name: str) -> Expr:
        if isinstance(value, _Inputs) or name not in _METHODS:
            raise self._error(f"unknown function {name!r}")
        self._expect("(")
        return self._called(name, (value, *self._until(")")), 1 + _METHODS[name])

    def _called(self, name: str, arguments: tuple[Expr, ...], expected: int) -> Expr:
        if len(arguments) != expected:
            raise self._error(f"{name!r} takes {expected} values here, not {len(arguments)},")
        return Call(name, arguments)


def _depth_of(expr: Expr) -> int:
    """How many operators stand inside one another."""
    deepest, pending = 0, [(expr, 1)]
    while pending:
        each, depth = pending.pop()
        deepest = max(deepest, depth)
        match each:
            case Call(_, parts) | Format(parts):
                pending.extend((part, depth + 1) for part in parts)
            case Index(operand, key):
                pending += [(operand, depth + 1), (key, depth + 1)]
            case ParseJson(operand):
                pending.append((operand, depth + 1))
            case _:
                pass
    return deepest


def _is_whole(expr: Expr) -> bool:
    """Whether CEL takes the value for an integer whatever the inputs are; what comes from an input is a double."""
    match expr:
        case Const(value):
            return isinstance(value, int) and not isinstance(value, bool)
        case Call("int" | "uint" | "size", _):
            return True
        case Call("+" | "-" | "*" | "int/" | "%" | "neg", args):
            return all(_is_whole(arg) for arg in args)
        case _:
            return False
