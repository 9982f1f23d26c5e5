"""Colours of runs: kept by each run whatever is listed, told apart with each kind of colour vision, seen on each ground."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

import penstock.web
from penstock.domain.tracking import TrackedRun
from penstock.web.reports.export import ink_of
from penstock.web.tracking.run_colors import COLORS, LOOKS, STYLES, color_of, group_colors

Triple = tuple[float, float, float]
TOKENS = (Path(penstock.web.__file__).parent / "static" / "css" / "tokens.css").read_text()
VISIONS = {
    "all": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
"""What is left of linear red, green and blue for eyes without one kind of cone (Machado, Oliveira, Fernandes 2009, severity 1)."""
TO_CONES = ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566), (0.0883024619, 0.2817188376, 0.6299787005))
TO_LAB = ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099), (0.0259040371, 0.7827717662, -0.8086757660))
APART, CONTRAST = 9.0, 3.0
"""Least distance of two colours in Oklab (black to white is 100), and least contrast with a ground (WCAG 1.4.11)."""


def linear(color: str) -> Triple:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def applied(matrix: tuple[Triple, ...], color: Triple) -> Triple:
    first, second, third = (sum(a * b for a, b in zip(row, color, strict=True)) for row in matrix)
    return first, second, third


def oklab(color: Triple) -> Triple:
    first, second, third = (part ** (1 / 3) for part in applied(TO_CONES, color))
    return applied(TO_LAB, (first, second, third))


def seen(color: str, vision: str) -> Triple:
    red, green, blue = (min(1.0, max(0.0, part)) for part in applied(VISIONS[vision], linear(color)))
    return oklab((red, green, blue))


def luminance(color: str) -> float:
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(color), strict=True))


def tokens(name: str) -> list[tuple[str, str]]:
    return re.findall(rf"  --{name}: light-dark\((#\w{{6}}), (#\w{{6}})\);", TOKENS)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_colours_of_runs_are_told_apart_with_every_kind_of_colour_vision(vision: str, theme: int) -> None:
    colors = [pair[theme] for pair in tokens(r"series-\d")]
    assert len(colors) == COLORS
    near = {pair: 100 * math.dist(seen(pair[0], vision), seen(pair[1], vision)) for pair in itertools.combinations(colors, 2)}
    assert {pair: round(away, 1) for pair, away in near.items() if away < APART} == {}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_of_runs_stand_out_from_the_grounds_of_both_themes(theme: int) -> None:
    grounds = [tokens("surface")[0][theme], ("#ffffff", "#000000")[theme]]  # the second one where contrast is high
    for color, ground in itertools.product((pair[theme] for pair in tokens(r"series-\d")), grounds):
        low, high = sorted((luminance(color), luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= CONTRAST, color


def test_a_run_has_the_same_hue_in_both_themes() -> None:
    for light, dark in tokens(r"series-\d"):
        angles = [math.degrees(math.atan2(*reversed(oklab(linear(color))[1:]))) for color in (light, dark)]
        assert abs((angles[0] - angles[1] + 180) % 360 - 180) < 15, (light, dark)


def test_groups_keep_their_colours_in_any_order_and_have_different_ones_while_there_are_enough() -> None:
    names = [f"group {number}" for number in range(LOOKS)]
    for count in (COLORS, LOOKS):
        found = group_colors(names[:count])
        assert sorted(found.values()) == list(range(1, count + 1))
        assert group_colors(reversed(names[:count])) == found
    assert set(group_colors(map(str, range(100))).values()) <= set(range(1, LOOKS + 1))


def run_at(place: int) -> TrackedRun:
    return cast("TrackedRun", SimpleNamespace(place=place))


def test_as_many_runs_as_a_drawing_takes_look_different_and_the_first_eight_are_plain() -> None:
    looks = [color_of(run_at(place)) for place in range(1, LOOKS + 1)]
    assert looks == list(range(1, LOOKS + 1))
    assert color_of(run_at(LOOKS + 1)) == 1
    assert LOOKS >= 50  # as many as are ever drawn at once


def test_every_look_has_a_class_a_style_and_an_ink_of_its_own() -> None:
    charts = (Path(penstock.web.__file__).parent / "static" / "css" / "charts.css").read_text()
    ruled = {number: re.findall(rf"\.series-{number}\b[^{{]*{{([^}}]*)}}", charts) for number in range(1, LOOKS + 1)}
    rules = {number: " ".join(found) for number, found in ruled.items()}
    for number, rule in rules.items():
        assert f"var(--series-{(number - 1) % COLORS + 1})" in rule, number
        assert f"var(--dash-{(number - 1) // COLORS + 1})" in rule, number
        assert f"var(--mark-{(number - 1) // COLORS + 1})" in rule, number
    dashes = dict(re.findall(r"--dash-(\d): ([^;]+);", TOKENS))
    assert len(set(dashes.values())) == STYLES
    light = [pair[0] for pair in tokens(r"series-\d")]
    assert [ink_of(number) for number in rules] == [(light[(number - 1) % COLORS], dashes[str((number - 1) // COLORS + 1)]) for number in rules]
