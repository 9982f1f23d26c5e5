"""Which look a tracked run or a group of runs has in drawings: by what it is, not by what is listed beside it, so the same on every page.

A look is the number of one of eight colours in one of seven styles (dashes of lines, shapes of marks): 1 to 8 are the colours in the plain
style, 9 to 16 the same colours in the second one. Colours and styles stand in `static/css/tokens.css`; the colours are as far apart for
people who see red, green or blue differently.

A look that a client chose has a colour of its own besides: it is the text `<number> <colour in the light theme> <colour in the dark one>`,
as `4 #ff0000 #ff0000`. The number is of the look that stands for it where the colour cannot: without script, and in high contrast.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from penstock.domain.tracking import TrackedRun

COLORS = 8
STYLES = 7
LOOKS = COLORS * STYLES
INKS = ("#6258dd", "#aa8e00", "#153c05", "#c74871", "#069cc5", "#7c550d", "#5700a6", "#851b5d")
"""The colours in the light theme and on paper, as `static/css/tokens.css` has them."""
LIGHTS = ("#979aff", "#fee175", "#4e7641", "#f097ad", "#a2e4ff", "#ca8b0e", "#8e40fa", "#d4429a")
"""The colours in the dark theme."""
_OWN = re.compile(r"([1-9]\d?) (#[0-9a-f]{6}) #[0-9a-f]{6}")

Look = int | str
"""Number of a look, or a look with a colour of its own."""


def own_look(number: int, light: str, dark: str) -> str:
    """Return a look with a colour of its own (`#rrggbb` for each theme) and the number of what stands for it."""
    return f"{number} {light} {dark}"


def look_of_text(stored: Any) -> Look:
    """Return a look as a document keeps it; anything else is the first one."""
    if isinstance(stored, str) and _OWN.fullmatch(stored):
        return stored
    return stored if isinstance(stored, int) and not isinstance(stored, bool) and 0 < stored <= LOOKS else 1


def ink_on_paper(look: Look) -> tuple[str, int]:
    """Return the colour of a look in the light theme, and the place of its style, from 0."""
    own = _OWN.fullmatch(look) if isinstance(look, str) else None
    style, color = divmod(max(int(own[1]) if own else int(look), 1) - 1, COLORS)
    return own[2] if own else INKS[color], style % STYLES


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
