"""What a Python pickle says it would call when it is opened, read from its opcodes. Nothing is imported, built or called."""

from __future__ import annotations

import io
import pickletools
from collections.abc import Mapping
from dataclasses import dataclass

MAX_OPCODES = 50_000
MAX_NAMES = 100


@dataclass(frozen=True, slots=True)
class PickleSummary:
    """The beginning of a pickle, or all of it."""

    protocol: int | None
    names: Mapping[str, int]
    """Classes and functions that opening it imports, `module.name`, and how often each is named; the first `MAX_NAMES`."""
    opcodes: int
    """Steps that were read."""
    is_whole: bool
    """It was read to its end."""


def summary_of(data: bytes) -> PickleSummary:
    """Read the opcodes of a pickle whose beginning is `data`; what cannot be read ends the reading.

    Texts are followed through the memo as far as is needed to know what `STACK_GLOBAL` takes from the stack.
    """
    protocol, names, count, is_whole = None, dict[str, int](), 0, False
    texts: list[str] = []
    memo: dict[int, str | None] = {}
    last: str | None = None
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(data)):
            count += 1
            if count > MAX_OPCODES:
                break
            name = opcode.name
            if name == "PROTO":
                protocol = argument
            elif name == "STOP":
                is_whole = True
            elif name == "MEMOIZE":
                memo[len(memo)] = last
            elif name in {"PUT", "BINPUT", "LONG_BINPUT"} and isinstance(argument, int):
                memo[argument] = last
            elif "UNICODE" in name and isinstance(argument, str):
                last = argument
                texts = [*texts[-1:], argument]
            elif name in {"GET", "BINGET", "LONG_BINGET"} and isinstance(argument, int):
                last = memo.get(argument)
                texts = [*texts[-1:], last] if last is not None else texts
            else:
                last = None
                if name == "GLOBAL":
                    _count(names, str(argument).replace(" ", ".", 1))
                elif name == "STACK_GLOBAL":
                    _count(names, ".".join(texts[-2:]) if len(texts) > 1 else "?")
    except (ValueError, IndexError, OverflowError, UnicodeDecodeError, MemoryError):
        pass
    return PickleSummary(protocol, names, count, is_whole)


def _count(names: dict[str, int], name: str) -> None:
    name = name[:200]
    if name in names or len(names) < MAX_NAMES:
        names[name] = names.get(name, 0) + 1
