"""Which look a tracked run or a group of runs has in drawings: by what it is, not by what is listed beside it, so the same on every page.

A look is the number of one of eight colours in one of seven styles (dashes of lines, shapes of marks): 1 to 8 are the colours in the plain
style, 9 to 16 the same colours in the second one. Colours and styles stand in `static/css/tokens.css`; the colours are as far apart for
people who see red, green or blue differently.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

from penstock.domain.tracking import TrackedRun

COLORS = 8
STYLES = 7
LOOKS = COLORS * STYLES
INKS = ("#6258dd", "#aa8e00", "#153c05", "#c74871", "#069cc5", "#7c550d", "#5700a6", "#851b5d")
"""The colours in the light theme and on paper, as `static/css/tokens.css` has them."""
LIGHTS = ("#979aff", "#fee175", "#4e7641", "#f097ad", "#a2e4ff", "#ca8b0e", "#8e40fa", "#d4429a")
"""The colours in the dark theme."""


def color_of(run: TrackedRun) -> int:
    """Return the number of a run's look, 1 to 56: as many runs as follow each other in a project have different ones."""
    return (max(run.place, 1) - 1) % LOOKS + 1


def group_colors(names: Iterable[str]) -> Mapping[str, int]:
    """Return the number of each group's look: by its name, and while there are no more groups than looks no two have the same."""
    found: dict[str, int] = {}
    taken: set[int] = set()
    for name in sorted(set(names)):
        wanted = zlib.crc32(name.encode()) % COLORS
        looks = (style * COLORS + (wanted + step) % COLORS for style in range(STYLES) for step in range(COLORS))
        look = next((look for look in looks if look not in taken), wanted)
        taken.add(look)
        found[name] = look
    return {name: look + 1 for name, look in found.items()}
