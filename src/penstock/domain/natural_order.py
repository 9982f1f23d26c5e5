"""The order in which people expect names that hold numbers."""

from __future__ import annotations

import re


def natural_key(name: str) -> list[tuple[int, str, str]]:
    """Return what sorts names by their letters and by the size of the numbers in them: 2 before 10. Numbers may have any length."""
    key: list[tuple[int, str, str]] = []
    for at, part in enumerate(re.split(r"(\d+)", name)):
        digits = part.lstrip("0") if at % 2 else ""
        key.append((len(digits), digits, part))
    return key
