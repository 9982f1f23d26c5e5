"""Run sets of the client's saved workspaces as the address of our workspace. The shapes are what wandb-workspaces 0.4 stored."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.web.tracking.run_sets import query_of

LR: dict[str, Any] = {"section": "config", "name": "lr.value"}
STATE: dict[str, Any] = {"section": "run", "name": "state"}


@pytest.mark.parametrize(
    ("chosen", "query"),
    [
        ({}, {}),
        ({"search": {"query": "net.1"}}, {"q": "net\\.1"}),
        ({"search": {"query": "net.1 a", "isRegex": True}}, {"q": '"net.1 a"'}),
        ({"filters": {"filterFormat": "filterV2", "filters": [{"key": LR, "op": "<", "value": 0.1}, {"key": STATE, "op": "=", "value": "finished", "connector": "AND"}]}}, {"q": "config.lr<0.1 state=finished"}),
        ({"filters": {"op": "OR", "filters": [{"op": "AND", "filters": [{"key": {"section": "summary", "name": "acc"}, "op": ">=", "value": 1}]}]}}, {"q": "summary.acc>=1"}),
        ({"filters": {"filters": [{"key": STATE, "op": "IN", "value": ["failed", "crashed"]}]}}, {"q": "state:failed,crashed"}),
        ({"filters": {"filters": [{"key": {"section": "run", "name": "createdAt"}, "op": "WITHINSECONDS", "value": 86400}]}}, {"q": "created<86400s"}),
        ({"filters": {"filters": [{"key": STATE, "op": "=", "value": "failed", "disabled": True}]}}, {}),
        ({"grouping": [{"section": "run", "name": "jobType"}, LR], "sort": {"keys": [{"key": LR, "ascending": True}]}}, {"group": "job,config.lr", "sort": "config.lr"}),
        ({"sort": {"keys": [{"key": {"section": "run", "name": "createdAt"}, "ascending": False}]}}, {"sort": "-created"}),
    ],
)  # fmt: skip
def test_what_a_workspace_shows_of_its_runs_is_an_address(chosen: dict[str, Any], query: dict[str, str]) -> None:
    assert query_of(chosen) == query


@pytest.mark.parametrize(
    "filters",
    [
        {"filters": [{"key": LR, "op": "<", "value": 1}, {"key": STATE, "op": "=", "value": "failed", "connector": "OR"}]},
        {"op": "OR", "filters": [{"key": LR, "op": "<", "value": 1}, {"key": STATE, "op": "=", "value": "failed"}]},
        {"filters": [{"key": {"section": "keys_info", "name": "loss"}, "op": "=", "value": 1}]},
        {"filters": [{"key": LR, "op": "NIN", "value": [1]}]},
        {"filters": [{"key": {"section": "config", "name": "a b"}, "op": "=", "value": 1}, 3]},
    ],
)  # fmt: skip
def test_a_filter_that_the_bar_cannot_say_is_not_said_in_part(filters: dict[str, Any]) -> None:
    assert "q" not in query_of({"search": {"query": "net"}, "filters": filters})
