"""The pictures of the README, taken from a filled server: small PNG files in `docs/pictures`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.places import Place, prepare

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
MOST_BYTES = 165_000
"""What a picture may have."""


@dataclass(frozen=True)
class Picture:
    """One file of the README."""

    place: str
    """Name among the places."""
    theme: str = "light"
    size: tuple[int, int] = (1280, 800)
    """Width and height of the window."""


README: Mapping[str, Picture] = {
    "run": Picture("digits", size=(1280, 960)),
    "task": Picture("digits-evaluate-visualizations", size=(1280, 840)),
    "output": Picture("digits-output", size=(1440, 900)),
    "compare": Picture("compare"),
    "lineage": Picture("promoted-lineage"),
    "workspace": Picture("workspace-train", size=(1440, 900)),
    "flow": Picture("flow-run", size=(1280, 960)),
}
"""Name of a file in `docs/pictures` -> what it shows."""


def write_readme_pictures(browser: Browser, places: Mapping[str, Place]) -> None:
    """Take them all.

    Raises:
        ValueError: one is larger than the README should carry.
    """
    for name, picture in README.items():
        context = browser.new_context(
            viewport={"width": picture.size[0], "height": picture.size[1]}, color_scheme=picture.theme, reduced_motion="reduce", locale="en-US"
        )
        page = context.new_page()
        page.goto(places[picture.place].address)
        page.wait_for_load_state("load")
        page.wait_for_timeout(1500)
        prepare(page, places[picture.place])
        page.wait_for_timeout(500)
        taken = page.screenshot()
        context.close()
        if len(taken) > MOST_BYTES:
            raise ValueError(f"{name}.png would have {len(taken)} bytes, more than {MOST_BYTES}")
        (PICTURES / f"{name}.png").write_bytes(taken)
