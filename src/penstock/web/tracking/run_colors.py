"""Which colour of drawings a tracked run or a group of runs has: by what it is, not by what is listed beside it, so the same on every page.

The colours themselves stand in `static/css/tokens.css`; they are as far apart for people who see red, green or blue differently.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

from penstock.domain.tracking import TrackedRun

COLORS = 8


def color_of(run: TrackedRun) -> int:
    """Return the number of a run's colour, 1 to 8: runs that follow each other in a project have different ones."""
    return (max(run.place, 1) - 1) % COLORS + 1


def group_colors(names: Iterable[str]) -> Mapping[str, int]:
    """Return the number of each group's colour: by its name, and while there are no more groups than colours no two have the same."""
    found: dict[str, int] = {}
    for name in sorted(set(names)):
        wanted = zlib.crc32(name.encode()) % COLORS
        free = [color for step in range(COLORS) if (color := (wanted + step) % COLORS) not in found.values()]
        found[name] = free[0] if free else wanted
    return {name: color + 1 for name, color in found.items()}
