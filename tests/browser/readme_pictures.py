"""The pictures of the README, taken from a filled server: small PNG files in `docs/pictures`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.places import Place, prepare

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
MOST_BYTES = 150_000
"""What a picture may have."""


@dataclass(frozen=True)
class Picture:
    """One file of the README."""

    place: str
    """Name among the places."""
    theme: str = "light"
    height: int = 800
    """Of the window, which is 1280 wide."""


README: Mapping[str, Picture] = {
    "run": Picture("digits"),
    "output": Picture("digits-output"),
    "workspace": Picture("project"),
}
"""Name of a file in `docs/pictures` -> what it shows."""


def write_readme_pictures(browser: Browser, places: Mapping[str, Place]) -> None:
    """Take them all.

    Raises:
        ValueError: one is larger than the README should carry.
    """
    for name, picture in README.items():
        context = browser.new_context(
            viewport={"width": 1280, "height": picture.height}, color_scheme=picture.theme, reduced_motion="reduce", locale="en-US"
        )
        page = context.new_page()
        page.goto(places[picture.place].address)
        page.wait_for_load_state("load")
        page.wait_for_timeout(1500)
        prepare(page, places[picture.place])
        page.wait_for_timeout(500)
        taken = page.screenshot(path=PICTURES / f"{name}.png")
        context.close()
        if len(taken) > MOST_BYTES:
            raise ValueError(f"{name}.png has {len(taken)} bytes, more than {MOST_BYTES}")
