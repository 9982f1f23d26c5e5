"""Colours that the client's documents give to runs and groups. The shapes are what wandb-workspaces 0.4.13 stored."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from penstock.web.tracking.client_colors import client_colors, lab_of
from penstock.web.tracking.run_colors import COLORS


def group_key(*values: str) -> str:
    """A group as a workspace names it."""
    path = [{"kind": "group", "key": "config:model.value", "value": value} for value in values]
    return f"run-color-group:{quote(json.dumps('abc'))}:{quote(json.dumps(path, separators=(',', ':')))}"


@pytest.mark.parametrize(
    ("color", "place"),
    [
        ("#0000FF", 1), ("gold", 2), ("#0a0", 3), ("green", 3), ("red", 4), ("rgb(255, 0, 0)", 4), ("#4E79A7", 5), ("skyblue", 5),
        ("orange", 6), ("brown", 4), ("indigo", 7), ("rgba(128 0 128 / 50%)", 8), ("#8000ff80", 7), ({"light": "#00f", "dark": "#0ff"}, 1),
    ],
)  # fmt: skip
def test_a_colour_becomes_the_one_of_the_nearest_hue(color: Any, place: int) -> None:
    assert client_colors({"one": color}).runs == {"one": place}


def test_two_colours_that_come_to_the_same_differ_in_style_and_equal_ones_do_not() -> None:
    found = client_colors({"one": "#ff0000", "two": "#e00000", "three": "red", "four": "#00f"}).runs
    assert found == {"one": 4, "two": 4 + COLORS, "three": 4, "four": 1}


@pytest.mark.parametrize("color", ["", "nothing", "#12", "url(x)", "rgb(1)", None, 3, {}, [], {"light": ["red"]}])
def test_what_is_no_colour_is_left_out(color: Any) -> None:
    assert client_colors({"one": color, "ref": "red"}).runs == {}


def test_groups_are_named_by_the_values_that_lead_to_them() -> None:
    held = {group_key("vit"): "red", group_key("vit", "a-b:c"): "blue", "run-color-group:x:[": "red", "run-color-group:": "red", "s1-run:group:first-try": "green"}
    assert client_colors(held).groups == {("vit",): 4, ("vit", "a-b:c"): 1}
    of_report = {"s1-run:group:first-try": "red", "s1-config:model.value:vit-run:state:finished": "blue", "s1-abc": "green", "other-run:group:a": "gold"}
    found = client_colors(of_report, ["s1"])
    assert found.groups == {("first-try",): 4, ("vit", "finished"): 1}
    assert set(found.runs) == {"s1-abc", "other-run:group:a"}


def test_black_and_white_are_a_colour_too() -> None:
    assert lab_of("white") == pytest.approx((1, 0, 0), abs=1e-3)
    assert set(client_colors({"one": "black", "two": "#fff"}).runs.values()) <= set(range(1, COLORS + 1))
