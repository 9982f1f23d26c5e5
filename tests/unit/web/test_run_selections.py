"""Hidden, pinned and baseline runs of the client's run sets. The shapes are what wandb-workspaces 0.4 stored."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from penstock.web.tracking.run_selections import selection_of

ALL = ("one", "two", "three")


def global_id(name: str, project: str = "digits") -> str:
    """A run as pins name it."""
    return base64.b64encode(f"Run:v1:{name}:{project}:ann".encode()).decode()


def shown(chosen: dict[str, Any], path: tuple[str, ...] = ()) -> list[str]:
    """Those of all runs that a run set shows, each in the group at `path`."""
    selection = selection_of(chosen, entity="ann", project="digits")
    return [name for name in ALL if selection.shows(name, path)]


@pytest.mark.parametrize(
    ("selections", "names"),
    [
        ({}, ["one", "two", "three"]),
        ({"root": 1, "bounds": [], "tree": ["two"]}, ["one", "three"]),
        ({"root": 0, "tree": ["two"]}, ["two"]),
        ({"root": 0, "tree": []}, []),
        ({"root": 1, "tree": [global_id("one")]}, ["two", "three"]),
        ({"root": 1, "tree": [{"value": "adam", "children": ["one", global_id("two")]}]}, ["three"]),
        ({"root": 1, "tree": [{"value": "sgd", "children": []}]}, ["one", "two", "three"]),
        ({"root": 1, "tree": [{"value": "adam"}]}, []),
        ({"root": 0, "tree": [{"value": "adam", "children": [{"value": "0.1", "children": []}]}]}, ["one", "two", "three"]),
        ({"root": 1, "tree": [3, None, {"children": "x"}, {"value": 4, "children": ["one"]}]}, ["one", "two", "three"]),
        ({"root": [], "tree": "one"}, ["one", "two", "three"]),
    ],
)
def test_runs_and_groups_of_the_tree_are_the_exceptions_to_its_root(selections: dict[str, Any], names: list[str]) -> None:
    assert shown({"selections": selections}, ("adam", "0.1")) == names


def test_pinned_runs_and_the_baseline_are_those_of_the_project() -> None:
    chosen = {"selections": {"root": 0, "tree": ["one"]}, "pinnedRunIds": [global_id("two"), global_id("far", "other"), "plain", 4], "baselineRunId": global_id("two")}
    selection = selection_of(chosen, entity="ann", project="digits")
    assert (selection.pinned, selection.baseline) == (["two", "plain"], "two")
    assert shown(chosen) == ["one", "two"]  # what is pinned is always drawn
    assert selection.choices({"one": "1", "two": "2"}, {}) == {"shown": {"1": 1, "2": 1}, "isOnly": True, "groups": {}, "pinned": {"2": 1}, "baseline": "2"}


def test_a_hidden_run_stays_hidden_though_it_is_pinned() -> None:
    chosen = {"selections": {"root": 1, "tree": ["two"]}, "pinnedRunIds": [global_id("two")]}
    assert shown(chosen) == ["one", "three"]
    assert selection_of(chosen, entity="ann", project="digits").choices({"two": "2"}, {})["hidden"] == {"2": 1}


def test_groups_are_switched_as_the_workspace_names_them() -> None:
    chosen = {"selections": {"root": 1, "tree": [{"value": "adam", "children": [{"value": "", "children": []}]}]}}
    selection = selection_of(chosen, entity="ann", project="digits")
    assert selection.choices({}, {("adam", ""): "adam · –"})["groups"] == {"adam · –": "off"}
