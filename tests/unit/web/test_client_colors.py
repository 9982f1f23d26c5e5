"""Colours that the client's documents give to runs and groups. The shapes are what wandb-workspaces 0.4.13 stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from penstock.web.tracking.client_colors import client_colors, lab_of
from penstock.web.tracking.run_colors import COLORS, INKS, Look, ink_on_paper, look_of_text


def group_key(*values: str) -> str:
    """A group as a workspace names it."""
    path = [{"kind": "group", "key": "config:model.value", "value": value} for value in values]
    return f"run-color-group:{quote(json.dumps('abc'))}:{quote(json.dumps(path, separators=(',', ':')))}"


def numbers(looks: Mapping[Any, Look]) -> dict[Any, int]:
    """Which of our own looks stand for those of a document."""
    return {key: int(str(look).split()[0]) for key, look in looks.items()}


@pytest.mark.parametrize(
    ("color", "place"),
    [
        ("#0000FF", 1), ("gold", 2), ("#0a0", 3), ("green", 3), ("red", 4), ("rgb(255, 0, 0)", 4), ("#4E79A7", 5), ("skyblue", 5),
        ("orange", 6), ("brown", 4), ("indigo", 7), ("rgba(128 0 128 / 50%)", 8), ("#8000ff80", 7), ({"light": "#00f", "dark": "#0ff"}, 1),
    ],
)  # fmt: skip
def test_the_nearest_hue_stands_for_a_colour(color: Any, place: int) -> None:
    assert numbers(client_colors({"one": color}).runs) == {"one": place}


@pytest.mark.parametrize(
    ("color", "light", "dark"),
    [
        ("#4E79A7", "#4e79a7", "#4e79a7"), ("rgb(255, 0, 0)", "#ff0000", "#ff0000"), ("#EDC948", "#edc948", "#edc948"), ("#8000ff80", "#8000ff", "#8000ff"),
        ({"light": "#00f", "dark": "#0ff"}, "#0000ff", "#00ffff"), ({"light": "orange"}, "#ffa500", "#ffa500"), ({"dark": "#0ff", "light": "none"}, "#00e6e6", "#00ffff"),
        ("yellow", "#d6d600", "#ffff00"), ("black", "#000000", "#575757"), ("white", "#d1d1d1", "#ffffff"),
    ],
)  # fmt: skip
def test_the_very_colour_is_drawn_and_one_that_is_not_seen_is_moved_as_little_as_is_needed(color: Any, light: str, dark: str) -> None:
    _, *found = str(client_colors({"one": color}).runs["one"]).split()
    assert found == [light, dark]


def test_two_colours_that_come_to_the_same_hue_differ_in_style_and_equal_ones_do_not() -> None:
    found = client_colors({"one": "#ff0000", "two": "#e00000", "three": "red", "four": "#00f"}).runs
    assert numbers(found) == {"one": 4, "two": 4 + COLORS, "three": 4, "four": 1}
    assert found["one"] == found["three"] == "4 #ff0000 #ff0000"


def test_a_look_with_a_colour_of_its_own_is_read_back_and_nothing_else_is() -> None:
    assert look_of_text("12 #ff0000 #00ff00") == "12 #ff0000 #00ff00"
    assert ink_on_paper("12 #ff0000 #00ff00") == ("#ff0000", 1)
    assert (look_of_text(12), ink_on_paper(12)) == (12, (INKS[3], 1))
    for other in ("12", "0 #ff0000 #00ff00", "1 red red", "1 #ff0000 #00ff00 ", '1 #ff0000" #00ff00', None, True, -3, 1.5, 99, [1]):
        assert look_of_text(other) == 1


@pytest.mark.parametrize("color", ["", "nothing", "#12", "url(x)", "rgb(1)", None, 3, {}, [], {"light": ["red"]}])
def test_what_is_no_colour_is_left_out(color: Any) -> None:
    assert client_colors({"one": color, "ref": "red"}).runs == {}


def test_groups_are_named_by_the_values_that_lead_to_them() -> None:
    held = {group_key("vit"): "red", group_key("vit", "a-b:c"): "blue", "run-color-group:x:[": "red", "run-color-group:": "red", "s1-run:group:first-try": "green"}
    assert numbers(client_colors(held).groups) == {("vit",): 4, ("vit", "a-b:c"): 1}
    of_report = {"s1-run:group:first-try": "red", "s1-config:model.value:vit-run:state:finished": "blue", "s1-abc": "green", "other-run:group:a": "gold"}
    found = client_colors(of_report, ["s1"])
    assert numbers(found.groups) == {("first-try",): 4, ("vit", "finished"): 1}
    assert set(found.runs) == {"s1-abc", "other-run:group:a"}


def test_black_and_white_are_a_colour_too() -> None:
    assert lab_of("white") == pytest.approx((1, 0, 0), abs=1e-3)
    assert set(numbers(client_colors({"one": "black", "two": "#fff"}).runs).values()) <= set(range(1, COLORS + 1))
