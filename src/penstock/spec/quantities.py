"""Kubernetes quantities as numbers (`500m`, `1.5`, `2Gi`, `1G`), for every dialect."""

from __future__ import annotations

import re
from typing import Any

_QUANTITY = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([a-zA-Z]*)\s*")
_SUFFIXES = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def parse_quantity(value: Any) -> float | None:
    """Return a quantity as a number, or None for nothing and for text that is not one."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _QUANTITY.fullmatch(str(value))
    if match is None or match.group(2) not in _SUFFIXES:
        return None
    return float(match.group(1)) * _SUFFIXES[match.group(2)]


def parse_cpu(value: Any) -> float | None:
    """Return a CPU quantity in cores; None for none."""
    return parse_quantity(value) or None


def parse_memory(value: Any) -> int | None:
    """Return a memory quantity in bytes; None for none."""
    number = parse_quantity(value)
    return int(number) if number else None
