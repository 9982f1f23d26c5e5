"""Numbers that clients send: JSON knows integers of any length, most places only what fits into a double."""

from __future__ import annotations

import math


def finite_number(value: object) -> float | None:
    """Return a number as a double; None for what is none (booleans are not), is not finite, or is an integer beyond all of them."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
