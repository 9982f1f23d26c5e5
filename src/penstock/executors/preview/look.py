"""Stand-alone program: reads a pickle from standard input and writes a summary as JSON. Runs isolated, standard library only.

Nothing of a pickle is ever run: every class or function that it names becomes an inert stand-in, so only plain data (None, numbers, text,
bytes, lists, tuples, sets, dicts) comes alive. A stand-in remembers what it was given: times, decimals, paths and other small values of
the standard library, tables and arrays are read from that, as numpy 1 and 2, pandas 2 and 3 and pyarrow pickle them (observed;
see `tests/unit/executors/test_preview.py`); what is not understood is named only.
Limits on memory and time are set by this program on itself before it reads.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import math
import pathlib
import pickle
import re
import resource
import struct
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any, cast

_MEMORY_BYTES = 1024 * 1024 * 1024
_CPU_SECONDS = 10
_MAX_TEXT = 4000
_MAX_JSON = 1_000_000
_MOST_INT = 2**63


_PLAIN_TYPES = {"set": set, "frozenset": frozenset, "complex": complex, "bytearray": bytearray}


class _StandIn:
    """Takes the place of an object of a class that is not plain data."""

    def __init__(self, name: str, args: tuple[Any, ...] = ()) -> None:
        self.name = name
        self.args = args
        self.state: Any = None

    def __repr__(self) -> str:
        known = _known(self)
        return f"<{self.name}>" if known is None else f"<{self.name} {known}>"

    def __str__(self) -> str:
        return _known(self) or repr(self)

    def __call__(self, *args: Any, **kwargs: Any) -> _StandIn:
        return _StandIn(self.name, args)

    def __setstate__(self, state: Any) -> None:
        """Remember the state."""
        self.state = state

    def is_a(self, *names: str) -> bool:
        """Whether the last part of the name is one of these; modules move between releases."""
        return self.name.rpartition(".")[2] in names

    def __setitem__(self, key: Any, value: Any) -> None:
        """Ignore the item."""

    def append(self, item: Any) -> None:
        """Ignore the item."""

    def extend(self, items: Any) -> None:
        """Ignore the items."""

    def add(self, item: Any) -> None:
        """Ignore the item."""

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return self is other


def _class_stand_in(name: str) -> type:
    """A class whose instances are inert and print as `<name>`; protocol 2 pickles create objects from classes."""

    def make(cls: type, *args: Any, **kwargs: Any) -> Any:
        return _StandIn(name, args)

    return type("StandIn", (), {"__new__": make})


def _known(value: _StandIn) -> str | None:
    """What a small value of the standard library says, read from what it was made of; None for any other object, or if it does not fit."""
    try:
        return _KNOWN[value.name](value) if value.name in _KNOWN else None
    except Exception:  # whatever a hostile pickle holds instead of what is expected
        return None


def _raw(value: _StandIn, size: int) -> bytes:
    """The bytes that a date or time keeps itself in.

    Raises:
        TypeError: it has others.
    """
    raw = value.args[0]
    if not isinstance(raw, bytes) or len(raw) != size:
        raise TypeError(type(raw).__name__)
    return raw


def _zone(value: Any) -> dt.tzinfo:
    """A zone that is nothing but a distance from UTC."""
    if not isinstance(value, _StandIn) or value.name != "datetime.timezone":
        raise TypeError("no fixed zone")
    return dt.timezone(_span(value.args[0]))


def _zoned(value: _StandIn, make: Callable[[bytes], Any], size: int) -> str:
    """A time with its zone: one by its distance from UTC, any other is named behind it."""
    moment = make(_raw(value, size))
    if len(value.args) < 2:
        return str(moment)
    try:
        return str(moment.replace(tzinfo=_zone(value.args[1])))
    except TypeError:
        return f"{moment} {value.args[1]!r}"


def _span(value: _StandIn) -> dt.timedelta:
    return dt.timedelta(*[int(part) for part in value.args[:3]])


def _decimal(value: _StandIn) -> str:
    text = str(value.args[0])
    if re.fullmatch(r"[+-]?(\d[\d.]*([eE][+-]?\d+)?|s?NaN\d*|Infinity)", text) is None:
        raise ValueError("no decimal")
    return text


def _path(value: _StandIn) -> str:
    kind = pathlib.PureWindowsPath if value.is_a("WindowsPath", "PureWindowsPath") else pathlib.PurePosixPath
    return _writable(str(kind(*value.args)))


_KNOWN: dict[str, Callable[[_StandIn], str]] = {
    "datetime.datetime": lambda value: _zoned(value, cast("Any", dt.datetime), 10),
    "datetime.time": lambda value: _zoned(value, cast("Any", dt.time), 6),
    "datetime.date": lambda value: str(cast("Any", dt.date)(_raw(value, 4))),
    "datetime.timedelta": lambda value: str(_span(value)),
    "datetime.timezone": lambda value: str(_zone(value)),
    "decimal.Decimal": _decimal,
    "fractions.Fraction": lambda value: "/".join(str(int(part)) for text in value.args[:2] for part in str(text).split("/")),
    "uuid.UUID": lambda value: str(uuid.UUID(int=value.state["int"])),
    **{
        f"{module}.{name}Path": _path
        for module in ("pathlib", "pathlib._local")
        for name in ("Posix", "PurePosix", "Windows", "PureWindows")
    },
    **{name: lambda value: str(range(*value.args[:3])) for name in ("builtins.range", "__builtin__.xrange")},
}


def _encode(text: Any, words: Any = "latin1") -> Any:
    """Bytes, as pickles of protocol 2 write them."""
    return text.encode("latin-1") if isinstance(text, str) and words in {"latin1", "latin-1"} else _StandIn("_codecs.encode")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module in {"builtins", "__builtin__"} and name in _PLAIN_TYPES:
            return _PLAIN_TYPES[name]
        if (module, name) == ("_codecs", "encode"):
            return _encode
        return _class_stand_in(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        return _StandIn(f"persistent {pid!r}"[:80])


def _plain(value: Any, depth: int = 0) -> Any:
    """`value` as JSON data that every reader takes, whole numbers beyond 64 bits as text.

    Raises TypeError when it holds anything that is not plain, ValueError when a number has thousands of digits.
    """
    if depth > 50:
        raise TypeError("too deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _writable(value)
    if isinstance(value, int):
        return value if -_MOST_INT <= value < _MOST_INT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, _StandIn) and (known := _known(value)) is not None:
        return known
    if isinstance(value, set | frozenset):
        return sorted((_plain(item, depth + 1) for item in value), key=str)
    if isinstance(value, dict):
        return {_writable(str(key)): _plain(item, depth + 1) for key, item in value.items()}
    raise TypeError(type(value).__name__)


def _writable(text: str) -> str:
    """The text as UTF-8 can hold it: halves of characters, which pickles keep, by their numbers."""
    return text.encode("utf-8", "backslashreplace").decode()


def _type_name(value: Any) -> str:
    if not isinstance(value, _StandIn):
        return type(value).__name__
    return "numpy.ndarray" if value.is_a("_reconstruct", "_frombuffer") and value.name.startswith("numpy.") else value.name


def _look(data: bytes) -> dict[str, Any]:
    """Summary of one pickle, or why there is none."""
    try:
        value = _Unpickler(io.BytesIO(data)).load()
    except RecursionError:
        return {"error": "it is nested too deeply"}
    except Exception as error:
        return {"error": f"it cannot be read: {type(error).__name__}: {error}"[:500]}
    name = _type_name(value)
    try:
        plain = _plain(value)
        if len(json.dumps(plain)) > _MAX_JSON:
            plain = None
    except (TypeError, ValueError, RecursionError):
        plain = None
    try:
        text = _text(value)
    except (ValueError, RecursionError):
        text = f"<{name}>"
    return {"type": _writable(name), "value": plain, "text": _writable(text)}


_ROWS, _COLUMNS, _CELL = 20, 12, 32
Column = tuple[int, Callable[[int], Any]]
"""Number of items, and the item at a place."""


def _text(value: Any) -> str:
    """A table, an array or the attributes of an object as far as they are understood, else its name."""
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes\n\n{bytes(value[:_MAX_TEXT])!r}"[:_MAX_TEXT]
    if not isinstance(value, _StandIn):
        return repr(value)[:_MAX_TEXT]
    for show in (_frame_text, _scalar_text, _column_text, _attributes_text):
        try:
            text = show(value)
        except Exception:  # whatever a hostile or newer pickle holds instead of what is expected
            text = None
        if text is not None:
            return text[:_MAX_TEXT]
    return repr(value)


def _frame_text(value: _StandIn) -> str | None:
    """Size and first rows of a pandas DataFrame."""
    if not value.is_a("DataFrame"):
        return None
    blocks, (names, index) = value.state["_mgr"].args[:2]
    (width, name_at), (height, label_at) = _column(names), _column(index)
    columns: dict[int, Callable[[int], Any]] = {}
    for block in blocks:
        values, placement = block.args[:2]
        for row, place in enumerate(_places(placement)):
            columns[place] = _row_of_block(values, row)
    shown, rows = range(min(width, _COLUMNS)), range(min(height, _ROWS))
    lines = [["", *(_cell(name_at(at)) for at in shown)]]
    lines += [[_cell(label_at(row)), *(_cell(columns[at](row)) for at in shown)] for row in rows]
    more = "" if (width, height) == (len(shown), len(rows)) else f", of which {len(rows)} and {len(shown)} are shown"
    return f"{height} rows, {width} columns{more}\n\n{_aligned(lines)}"


def _row_of_block(values: Any, row: int) -> Callable[[int], Any]:
    """The items of a column in a block: blocks of numbers have two dimensions, one row for each column."""
    if not (isinstance(values, _StandIn) and len(shape := _shape(values) or ()) == 2):
        return _column(values)[1]
    _, at = _column(values)
    length = shape[1]
    return lambda place: at(row * length + place)


def _places(placement: Any) -> Sequence[int]:
    if placement.is_a("BlockPlacement"):
        placement = placement.args[0]
    if placement.is_a("slice"):
        return range(*placement.args)
    length, at = _column(placement)
    return [at(number) for number in range(length)]


def _scalar_text(value: _StandIn) -> str | None:
    """A number of numpy's."""
    if not value.is_a("scalar"):
        return None
    kind, data = value.args[:2]
    return _cell(data if isinstance(data, _StandIn) else _item_of(kind, str(kind.args[0]), data)(0))


def _column_text(value: _StandIn) -> str | None:
    """Shape and first items of a numpy array, or of a pandas Series or Index."""
    shape = _shape(value)
    if value.is_a("Series"):
        (index,), (values,) = value.state["_mgr"].state[:2]
        (length, at), (_, label_at) = _column(values), _column(index)
        return f"{length} items\n\n" + _aligned([[_cell(label_at(row)), _cell(at(row))] for row in range(min(length, _ROWS))])
    length, at = _column(value)
    size = f"{length} items" if shape is None or len(shape) == 1 else f"shape {' x '.join(map(str, shape))}"
    items = ", ".join(_cell(at(number)) for number in range(min(length, 100)))
    return f"{size}\n\n{items}{', ...' if length > 100 else ''}"


def _attributes_text(value: _StandIn) -> str | None:
    """Class and attributes of any other object."""
    state = value.state[1] if isinstance(value.state, tuple) and len(value.state) == 2 else value.state
    if not isinstance(state, dict) or not state:
        return None
    return "\n".join([repr(value), "", *(f"{name}: {_cell(item, 200)}" for name, item in list(state.items())[:50])])


def _column(value: Any) -> Column:
    """The items of an array, of an index, or of what pandas keeps in a column.

    Raises:
        ValueError: it is nothing of the kind.
    """
    if isinstance(value, _StandIn):
        if value.is_a("_new_Index"):
            return _index(value.args[1])
        if value.is_a("_reconstruct", "_frombuffer"):
            return _array(value)
        if isinstance(value.state, dict) and "_pa_array" in value.state:
            return _arrow(value.state["_pa_array"])
        if isinstance(value.state, tuple):
            return _backed(value.state)
    raise ValueError("no column")


def _index(given: dict[str, Any]) -> Column:
    if "data" in given:
        return _column(given["data"])
    if "levels" in given:
        levels, codes = [_column(level)[1] for level in given["levels"]], [_column(code) for code in given["codes"]]
        return codes[0][0], lambda place: tuple(
            None if (at := code(place)) < 0 else level(at) for level, (_, code) in zip(levels, codes, strict=True)
        )
    steps = range(given["start"], given["stop"], given["step"])
    return len(steps), steps.__getitem__


def _backed(state: tuple[Any, ...]) -> Column:
    """An extension array around an array of numbers: times, or the codes of categories."""
    inner = next(item for item in state if isinstance(item, _StandIn) and item.is_a("_reconstruct", "_frombuffer"))
    length, at = _array(inner)
    kinds = [item.state["categories"] for item in state if isinstance(item, _StandIn) and item.is_a("CategoricalDtype")]
    if not kinds:
        return length, at
    _, name_at = _column(kinds[0])
    return length, lambda place: None if at(place) < 0 else name_at(at(place))


def _facts(value: _StandIn) -> tuple[tuple[int, ...], _StandIn, bool, Any]:
    """Shape, type, whether columns come first, and content of a numpy array."""
    if value.is_a("_frombuffer"):
        data, kind, shape, order = value.args[:4]
        return tuple(shape), kind, order == "F", data
    _, shape, kind, is_fortran, data = value.state[:5]
    return tuple(shape), kind, bool(is_fortran), data


def _shape(value: _StandIn) -> tuple[int, ...] | None:
    return _facts(value)[0] if value.is_a("_reconstruct", "_frombuffer") else None


_INTEGERS = {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}
_FORMATS = {**_INTEGERS, "b1": "?", "f2": "e", "f4": "f", "f8": "d"}
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def _array(value: _StandIn) -> Column:
    """The items of a numpy array, row by row."""
    shape, kind, is_fortran, data = _facts(value)
    length, code = math.prod(shape), str(kind.args[0])
    item = _item_of(kind, code, data)
    if not is_fortran or len(shape) < 2:
        return length, item
    rows, rest = shape[0], math.prod(shape[1:])
    if len(shape) > 2:
        raise ValueError("more than two dimensions, columns first")
    return length, lambda place: item((place % rest) * rows + place // rest)


def _item_of(kind: _StandIn, code: str, data: Any) -> Callable[[int], Any]:
    order = ">" if kind.state[1] == ">" else "<"
    if isinstance(data, list):
        return data.__getitem__
    if code[0] == "M":
        unit = _unit_of(kind.state[8])
        return lambda place: _moment(struct.unpack_from(order + "q", data, place * 8)[0], unit)
    if code[0] in "US":
        size = int(code[1:]) * (4 if code[0] == "U" else 1)
        words = ("utf-32-be" if order == ">" else "utf-32-le") if code[0] == "U" else "latin-1"
        return lambda place: bytes(data[place * size : (place + 1) * size]).decode(words, "replace").rstrip("\0")
    form = struct.Struct(order + _FORMATS[code])
    return lambda place: form.unpack_from(data, place * form.size)[0]


def _arrow(value: _StandIn) -> Column:
    """The texts of a pyarrow array, whole or in pieces."""
    if value.is_a("chunked_array"):
        parts = [_arrow(part) for part in value.args[0]]
        places = [(at, number) for length, at in parts for number in range(min(length, _ROWS))]
        return sum(length for length, _ in parts), lambda place: places[place][0](places[place][1])
    kind, length, _, offset, buffers = value.args[0][:5]
    form = {"string": "<i", "large_string": "<q"}[kind.args[0]]
    valid, ends, text = (None if item is None else bytes(item.args[0]) for item in buffers)
    if ends is None:
        raise ValueError("no texts")
    size = struct.calcsize(form)

    def at(place: int) -> str | None:
        place += offset
        if valid is not None and not valid[place // 8] >> place % 8 & 1:
            return None
        begin, end = (struct.unpack_from(form, ends, (place + number) * size)[0] for number in (0, 1))
        return (text or b"")[begin:end].decode("utf-8", "replace")

    return length, at


def _unit_of(state: Any) -> str:
    """Unit of a numpy type of times, from the last part of its state: (something, (b"ns", 1, 1, 1))."""
    unit = state[1][0]
    return unit.decode() if isinstance(unit, bytes) else str(unit)


def _moment(number: int, unit: str) -> str:
    if number == -(2**63):
        return "NaT"
    per_second = _UNITS[unit]
    start = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=number // per_second)  # noqa: DTZ001 - zones are not kept here
    text = start.isoformat(" ")
    return text + f"{number % per_second / per_second:.9f}".rstrip("0").removeprefix("0").rstrip(".")


def _cell(value: Any, limit: int = _CELL) -> str:
    if isinstance(value, _StandIn):
        text = _short(value)
    else:
        text = f"{value:.6g}" if isinstance(value, float) else value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "\u2026"


def _short(value: _StandIn) -> str:
    """A number or the first items of an array inside of something else; the name of any other object."""
    try:
        if (known := _known(value)) is not None:
            return known
        if value.is_a("scalar"):
            return _scalar_text(value) or ""
        length, at = _column(value)
        return f"[{', '.join(_cell(at(number)) for number in range(min(length, 6)))}{', ...' if length > 6 else ''}]"
    except Exception:  # as in `_text`
        return repr(value)


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))] if lines else []
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def main() -> None:
    """Read, look, write. With sizes as arguments: pickles of these sizes one after the other, and a list of summaries."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    source = sys.stdin.buffer
    answer = [_look(source.read(int(size))) for size in sys.argv[1:]] if len(sys.argv) > 1 else _look(source.read())
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
