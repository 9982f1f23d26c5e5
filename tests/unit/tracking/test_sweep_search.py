"""What a sweep tries and what it stops."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.sweeps import Suggestion, SweepTrial, TrialResult, TrialState
from penstock.tracking.sweep_search import SweepPlan, counted_metric, parse_config, suggest, to_stop


def plan(**config: Any) -> SweepPlan:
    return parse_config(yaml.safe_dump({"metric": {"name": "loss"}, **config}))


def all_of(found: SweepPlan) -> list[Any]:
    values = []
    while (point := suggest(found, seed=1, position=len(values), trials=(), results={})) is not None:
        values.append(found.space.nested(point.values))
    return values


def test_a_grid_covers_every_combination_once() -> None:
    found = plan(
        method="grid",
        parameters={"a": {"values": [1, 2]}, "b": {"min": 0, "max": 2}, "c": {"value": "x"}, "n": {"parameters": {"d": {"values": [True]}}}},
    )
    points = all_of(found)
    assert [(point["a"], point["b"]) for point in points] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert all(point["c"] == "x" and point["n"] == {"d": True} for point in points)
    assert found.expected == 6


def test_run_cap_ends_any_method() -> None:
    found = plan(method="random", parameters={"a": {"min": 0.0, "max": 1.0}}, run_cap=3)
    assert len(all_of(found)) == 3


@pytest.mark.parametrize(
    ("spec", "low", "high"),
    [
        ({"min": 1, "max": 4}, 1, 4),
        ({"min": 0.5, "max": 2.0}, 0.5, 2.0),
        ({"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0}, 1e-4, 1.0),
        ({"distribution": "log_uniform", "min": -2, "max": 0}, 0.13, 1.0),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25}, 0, 1),
        ({"distribution": "inv_log_uniform_values", "min": 0.01, "max": 1.0}, 0.01, 1.0),
        ({"distribution": "normal", "mu": 0, "sigma": 0.001}, -1, 1),
        ({"distribution": "q_log_normal", "mu": 0, "sigma": 0.1, "q": 0.5}, 0, 5),
        ({"distribution": "beta", "a": 50, "b": 3}, 0.7, 1.0),
        ({"distribution": "beta"}, 0.0, 1.0),
        ({"distribution": "q_beta", "a": 2, "b": 5, "q": 0.25}, 0, 1),
    ],
)
def test_random_values_stay_in_their_range(spec: dict[str, Any], low: float, high: float) -> None:
    found = plan(method="random", parameters={"a": spec}, run_cap=200)
    values = [point["a"] for point in all_of(found)]
    assert all(low <= value <= high for value in values)
    assert len(set(values)) > 1
    if spec.get("q") == 0.25:
        assert set(values) <= {0, 0.25, 0.5, 0.75, 1.0}
    if isinstance(low, int) and isinstance(spec.get("min"), int) and "distribution" not in spec:
        assert set(values) == {1, 2, 3, 4}


def test_beta_distributions_have_their_quartiles() -> None:
    for shape, quartiles in {(1, 1): (0.25, 0.5, 0.75), (2, 5): (0.161163, 0.26445, 0.389479), (0.5, 0.5): (0.146447, 0.5, 0.853553)}.items():
        parameter = plan(method="random", parameters={"x": {"distribution": "beta", "a": shape[0], "b": shape[1]}}).space.searched[0]
        assert [parameter.value_at(unit) for unit in (0.25, 0.5, 0.75)] == pytest.approx(quartiles, abs=1e-5)
        assert parameter.unit_of(quartiles[0]) == pytest.approx(0.25, abs=1e-4)


@pytest.mark.parametrize(("impute", "goal", "expected"), [("worst", "minimize", 3.0), ("best", "minimize", 1.0), ("latest", "minimize", 9.0),
                                                          (None, "maximize", 1.0)])  # fmt: skip
def test_failed_runs_count_as_configured(impute: str | None, goal: str, expected: float) -> None:
    config = {"name": "loss", "goal": goal, **({"impute": impute} if impute else {})}
    found = plan(method="bayes", metric=config, parameters={"x": {"min": 0.0, "max": 1.0}})
    results = [TrialResult("a", False, False, 1.0), TrialResult("b", False, False, 3.0), TrialResult("c", False, True, 9.0)]
    assert counted_metric(found, results[2], results) == expected
    assert counted_metric(found, results[0], results) == 1.0


def test_probabilities_are_obeyed() -> None:
    found = plan(method="random", parameters={"a": {"values": ["x", "y"], "probabilities": [1.0, 0.0]}}, run_cap=50)
    assert {point["a"] for point in all_of(found)} == {"x"}


def test_the_same_position_always_gives_the_same_point() -> None:
    found = plan(method="random", parameters={"a": {"min": 0.0, "max": 1.0}})
    points = [suggest(found, seed=7, position=3, trials=(), results={}) for _ in range(2)]
    assert points[0] == points[1]


def test_bayes_comes_closer_to_the_minimum() -> None:
    found = plan(method="bayes", parameters={"a": {"min": -4.0, "max": 4.0}})
    trials: list[SweepTrial] = []
    results: dict[str, TrialResult] = {}
    for position in range(30):
        point = suggest(found, seed=3, position=position, trials=trials, results=results)
        assert isinstance(point, Suggestion)
        name = f"t{position}"
        trials.append(SweepTrial(1, position, name, 1, point, TrialState.HANDED_OUT, 0.0))
        results[name] = TrialResult(name, is_running=False, is_failed=False, metric=(point.values["a"] - 1.0) ** 2)
    late = [abs(trial.suggestion.values["a"] - 1.0) for trial in trials[-10:]]
    assert sorted(late)[5] < 1.0


def test_hyperband_stops_the_worse_ones_at_a_band() -> None:
    found = plan(method="random", parameters={"a": {"min": 0.0, "max": 1.0}}, early_terminate={"type": "hyperband", "min_iter": 2, "eta": 2})
    results = [TrialResult(f"t{i}", is_running=True, is_failed=False, metric=None, curve=[5.0, float(i)]) for i in range(4)]
    assert to_stop(found, results) == ["t2", "t3"]
    assert to_stop(found, [TrialResult("t", is_running=True, is_failed=False, metric=None, curve=[9.0])]) == []


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"method": "magic", "parameters": {"a": {"value": 1}}}, "not one of"),
        ({"method": "grid", "parameters": {}}, "needs 'parameters'"),
        ({"method": "grid", "parameters": {"a": {"min": 0.0, "max": 1.0}}}, "cannot go over 'a'"),
        ({"method": "random", "parameters": {"a": {"min": 2, "max": 1}}}, "above max"),
        ({"method": "random", "parameters": {"a": 3}}, "must be an object"),
        ({"method": "random", "parameters": {"a": {"values": [1, 2], "probabilities": [1.0]}}}, "probabilities"),
        ({"method": "random", "parameters": {"a": {"distribution": "odd", "min": 0, "max": 1}}}, "unknown distribution"),
        ({"method": "random", "parameters": {"a": {"value": 1}}, "early_terminate": {"type": "hyperband"}}, "min_iter"),
        ({"method": "random", "parameters": {"a": {"value": 1}}, "run_cap": 0}, "run_cap"),
    ],
)
def test_wrong_configurations_are_refused_with_their_reason(config: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidArgumentError, match=reason):
        plan(**config)


@pytest.mark.parametrize(
    "spec",
    [
        {"min": 1, "max": 4}, {"min": 0.5, "max": 2.0}, {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0},
        {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25}, {"distribution": "inv_log_uniform_values", "min": 0.01, "max": 1.0},
        {"distribution": "normal", "mu": 3, "sigma": 2}, {"values": ["a", None, 3]}, {"values": [1, 2], "probabilities": [0.9, 0.1]},
    ],
)  # fmt: skip
def test_values_lead_back_to_their_place(spec: dict[str, Any]) -> None:
    [parameter] = plan(method="random", parameters={"a": spec}).space.searched
    for step in range(1, 40):
        value = parameter.value_at(step / 40)
        unit = parameter.unit_of(value)
        assert unit is not None
        again = parameter.value_at(unit)
        assert again == value or again == pytest.approx(value)
    assert parameter.unit_of("elsewhere") is None


def test_the_optimiser_learns_from_runs_before_the_sweep() -> None:
    found = plan(method="bayes", parameters={"deep": {"parameters": {"a": {"min": 0.0, "max": 10.0}}}})
    results = {
        f"old{i}": TrialResult(f"old{i}", is_running=False, is_failed=False, metric=(i - 3.0) ** 2, config={"deep": {"a": float(i)}}) for i in range(10)
    }
    outside = {"out": TrialResult("out", is_running=False, is_failed=False, metric=-9.0, config={"deep": {"a": 99.0}})}
    points = [suggest(found, seed=1, position=position, trials=(), results=results | outside) for position in range(20)]
    values = [point.values["deep.a"] for point in points if point is not None]
    assert sum(abs(value - 3) < 2 for value in values) > 12
