"""Stand-alone program: reads a pickle from standard input and writes a summary as JSON. Runs isolated, standard library only.

Nothing of a pickle is ever run: every class or function that it names becomes an inert stand-in, so only plain data (None, numbers, text,
bytes, lists, tuples, sets, dicts) comes alive. Limits on memory and time are set by this program on itself before it reads.
"""

from __future__ import annotations

import io
import json
import math
import pickle
import resource
import sys
from typing import Any

_MEMORY_BYTES = 1024 * 1024 * 1024
_CPU_SECONDS = 10
_MAX_TEXT = 4000
_MAX_JSON = 1_000_000


_PLAIN_TYPES = {"set": set, "frozenset": frozenset, "complex": complex, "bytearray": bytearray}


class _StandIn:
    """Takes the place of an object of a class that is not plain data."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> _StandIn:
        return _StandIn(self.name)

    def __setstate__(self, state: Any) -> None:
        """Ignore the state."""

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
        return _StandIn(name)

    return type("StandIn", (), {"__new__": make})


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module in {"builtins", "__builtin__"} and name in _PLAIN_TYPES:
            return _PLAIN_TYPES[name]
        return _class_stand_in(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        return _StandIn(f"persistent {pid!r}"[:80])


def _plain(value: Any, depth: int = 0) -> Any:
    """`value` as JSON data; raises TypeError when it holds anything that is not plain."""
    if depth > 50:
        raise TypeError("too deep")
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item, depth + 1) for item in value), key=str)
    if isinstance(value, dict):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    raise TypeError(type(value).__name__)


def _look(data: bytes) -> dict[str, Any]:
    """Summary of one pickle, or why there is none."""
    try:
        value = _Unpickler(io.BytesIO(data)).load()
    except RecursionError:
        return {"error": "it is nested too deeply"}
    except Exception as error:
        return {"error": f"it cannot be read: {type(error).__name__}: {error}"[:500]}
    name = value.name if isinstance(value, _StandIn) else type(value).__name__
    try:
        plain = _plain(value)
        if len(json.dumps(plain)) > _MAX_JSON:
            plain = None
    except (TypeError, RecursionError):
        plain = None
    try:
        text = repr(value)[:_MAX_TEXT]
    except RecursionError:
        text = f"<{name}>"
    return {"type": name, "value": plain, "text": text}


def main() -> None:
    """Read, look, write. With sizes as arguments: pickles of these sizes one after the other, and a list of summaries."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    source = sys.stdin.buffer
    answer = [_look(source.read(int(size))) for size in sys.argv[1:]] if len(sys.argv) > 1 else _look(source.read())
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
