"""The pictures of the README are those that `scripts/screenshots --readme` takes, and small."""

from __future__ import annotations

import re
from pathlib import Path

from tests.browser.readme_pictures import MOST_BYTES, PICTURES, README

ROOT = Path(__file__).parents[2]


def test_the_readme_shows_every_picture_that_is_taken_and_no_other() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(docs/pictures/([a-z-]+)\.png\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(README) == sorted(path.stem for path in PICTURES.iterdir())


def test_pictures_are_small() -> None:
    assert {path.name: path.stat().st_size for path in PICTURES.iterdir() if path.stat().st_size > MOST_BYTES} == {}
