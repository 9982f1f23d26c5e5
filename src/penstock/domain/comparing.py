"""How numbers compare, by the sign that people write between them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
