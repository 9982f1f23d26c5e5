"""Which parameters of runs matter for a metric: how much each helps to foretell it, and how it moves with it.

Importance is the share of variance that a parameter takes away in a forest of trees with random cuts (extremely randomised trees:
Geurts, Ernst, Wehenkel 2006), which finds thresholds and interactions; correlation is Pearson's and sees only straight lines, but has
a sign. Both are computed from runs that have the metric; with fewer than `MIN_RUNS` nothing is claimed. The forest is seeded, so the
same runs give the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.domain.numbers import finite_number

MIN_RUNS = 5
_TREES = 32
_DEPTH = 6
_MIN_LEAF = 2
_SEED = 20
_MAX_PARAMETERS = 60

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Importance:
    """What one parameter means for the metric."""

    name: str
    importance: float
    """Share of what the forest explains, 0 to 1; all parameters together 1."""
    correlation: float | None
    """-1 to 1, over the runs that have the parameter; None for words, and where fewer than `MIN_RUNS` have it."""


def importances(parameters: Sequence[Mapping[str, Any]], metric: Sequence[Any]) -> list[Importance]:
    """Return the parameters that vary, most important first. `parameters` and `metric` are parallel, one entry per run."""
    kept = [(row, float(value)) for row, value in zip(parameters, metric, strict=True) if is_finite(value)]
    if len(kept) < MIN_RUNS:
        return []
    kept.sort(key=lambda entry: (entry[1], repr(sorted(entry[0].items()))))  # so that the order of the runs does not matter
    target = np.array([value for _, value in kept])
    names = list(dict.fromkeys(name for row, _ in kept for name in row))
    columns: dict[str, Column] = {}
    for name in names:
        found = encoded([row.get(name) for row, _ in kept])
        if found is not None:
            columns[name] = found
        if len(columns) == _MAX_PARAMETERS:
            break
    if not columns or float(np.ptp(target)) == 0:
        return []
    shares = _forest(np.column_stack(list(columns.values())), target)
    result = [
        Importance(name, float(share), _correlation([row.get(name) for row, _ in kept], target))
        for name, share in zip(columns, shares, strict=True)
    ]
    return sorted(result, key=lambda one: -one.importance)


def is_finite(value: Any) -> bool:
    """Whether a value is a finite number."""
    return finite_number(value) is not None


def encoded(values: Sequence[Any]) -> Column | None:
    """Return a parameter as numbers; None when it does not vary or holds lists."""
    if any(isinstance(value, list | dict) for value in values):
        return None
    held = [value for value in values if value is not None]
    if len(set(map(repr, held))) + (len(held) < len(values)) < 2:
        return None
    if all(map(_is_number, held)):
        absent = min(map(float, held)) - 1.0
        return np.array([absent if value is None else float(value) for value in values])
    words = {word: place for place, word in enumerate(sorted({str(value) for value in held}))}
    return np.array([-1.0 if value is None else float(words[str(value)]) for value in values])


def _is_number(value: Any) -> bool:
    return isinstance(value, bool) or is_finite(value)


def _correlation(values: Sequence[Any], target: Column) -> float | None:
    held = [place for place, value in enumerate(values) if value is not None]
    if len(held) < MIN_RUNS or not all(_is_number(values[place]) for place in held):
        return None
    column, metric = np.array([float(values[place]) for place in held]), target[held]
    spread = float(np.std(column) * np.std(metric))
    return float(np.mean((column - column.mean()) * (metric - metric.mean())) / spread) if spread else 0.0


def _forest(features: NDArray[np.float64], target: Column) -> Column:
    random = np.random.default_rng(_SEED)
    gains = np.zeros(features.shape[1])
    for _ in range(_TREES):
        _grow(features, target, np.arange(len(target)), gains, random, _DEPTH)
    whole = float(gains.sum())
    return gains / whole if whole else np.full(len(gains), 1 / len(gains))


def _grow(
    features: NDArray[np.float64], target: Column, rows: NDArray[np.int64], gains: Column, random: np.random.Generator, depth: int
) -> None:
    """Cut `rows` at the best of one random threshold per tried parameter; add what the cut explains to `gains`."""
    here = target[rows]
    if depth == 0 or len(rows) < 2 * _MIN_LEAF or float(np.ptp(here)) == 0:
        return
    count = features.shape[1]
    tried = random.choice(count, size=max(1, math.ceil(count / 2)), replace=False)
    part = features[np.ix_(rows, tried)]
    low, high = part.min(axis=0), part.max(axis=0)
    cuts = low + random.random(len(tried)) * (high - low)
    is_left = part <= cuts
    left = is_left.sum(axis=0)
    right = len(rows) - left
    is_fair = (left >= _MIN_LEAF) & (right >= _MIN_LEAF)
    if not is_fair.any():
        return
    sums = is_left.T.astype(float) @ here
    rest = here.sum() - sums
    explained = np.where(is_fair, sums**2 / np.maximum(left, 1) + rest**2 / np.maximum(right, 1), -math.inf)
    best = int(np.argmax(explained))
    gains[tried[best]] += max(0.0, float(explained[best] - here.sum() ** 2 / len(rows)))
    _grow(features, target, rows[is_left[:, best]], gains, random, depth - 1)
    _grow(features, target, rows[~is_left[:, best]], gains, random, depth - 1)
