"""Importance of parameters: what matters is found, what does not is not, and too little says nothing."""

from __future__ import annotations

import math
import random

import pytest

from penstock.tracking.importance import MIN_RUNS, importances


def test_the_parameter_that_decides_comes_first_whatever_its_kind() -> None:
    dice = random.Random(4)
    rows = [{"lr": dice.random(), "noise": dice.random(), "act": dice.choice(["relu", "gelu"]), "same": 1} for _ in range(80)]
    found = importances(rows, [10 * (row["act"] == "relu") + 6 * row["lr"] for row in rows])
    assert [one.name for one in found] == ["act", "lr", "noise"]
    assert sum(one.importance for one in found) == pytest.approx(1.0)
    assert found[0].correlation is None
    assert found[0].importance > 0.5


def test_correlation_has_a_sign_and_a_bend_is_found_without_it() -> None:
    rows = [{"x": place / 10, "down": -place} for place in range(-20, 21)]
    bent = {one.name: one for one in importances([{"x": row["x"]} for row in rows], [row["x"] ** 2 for row in rows])}
    assert abs(bent["x"].correlation or 0.0) < 1e-9
    assert bent["x"].importance == pytest.approx(1.0)
    straight = importances([{"down": row["down"]} for row in rows], [row["x"] for row in rows])
    assert straight[0].correlation == pytest.approx(-1.0)


def test_the_same_runs_give_the_same_answer_in_any_order() -> None:
    rows = [{"a": place % 7, "b": place % 5} for place in range(40)]
    metric = [row["a"] - row["b"] for row in rows]
    told = importances(rows, metric)
    assert importances(rows, metric) == told
    assert importances(rows[::-1], metric[::-1]) == told


def test_too_few_runs_constant_metrics_and_odd_values_claim_nothing() -> None:
    rows = [{"a": place} for place in range(MIN_RUNS - 1)]
    assert importances(rows, [1.0 * place for place in range(MIN_RUNS - 1)]) == []
    assert importances([{"a": place} for place in range(9)], [1.0] * 9) == []
    assert importances([{"a": place} for place in range(9)], [math.nan, "x", None, True, *[2.0] * 5]) == []
    assert importances([{"a": [place], "b": {"c": place}} for place in range(9)], [1.0 * place for place in range(9)]) == []


def test_correlation_is_over_the_runs_that_have_the_parameter() -> None:
    rows = [{"lr": place, "seed": place} if place < 8 else {"seed": place} for place in range(10)]
    found = {one.name: one.correlation for one in importances(rows, [-1.0 * place for place in range(10)])}
    assert found == {"lr": pytest.approx(-1.0), "seed": pytest.approx(-1.0)}
    few = importances([{"rare": place} if place < MIN_RUNS - 1 else {} for place in range(9)], [1.0 * place for place in range(9)])
    assert [one.correlation for one in few] == [None]
