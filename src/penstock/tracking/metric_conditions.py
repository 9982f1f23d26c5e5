"""When a metric of a run triggers an automation: thresholds, changes and z-scores over windows of logged values. Pure.

Meaning as the client's documentation of `wandb.automations` gives it (observed with 0.31.0): a threshold compares a value, or the
aggregate of the newest `window`; a change compares the newest window with the window before it; a z-score compares a value with mean
and deviation of the `window` values before it.
"""

from __future__ import annotations

import math
import operator
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.numbers import finite_number

Test = Callable[[Sequence[float]], bool]
"""Whether the newest values, oldest first, satisfy the condition; called with exactly `MetricCondition.needed` of them."""

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le,
}  # fmt: skip
_AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {"MAX": max, "MIN": min, "AVERAGE": fmean}
_MAX_WINDOW = 100_000


@dataclass(frozen=True, slots=True)
class MetricCondition:
    """A condition on the newest values of one metric."""

    metric: str
    needed: int
    """How many values it looks at."""
    test: Test

    def watch(self) -> MetricWatch:
        """Return what follows one run."""
        return MetricWatch(self)


class MetricWatch:
    """Follows the values of one run."""

    def __init__(self, condition: MetricCondition) -> None:
        self._condition = condition
        self._recent: deque[float] = deque(maxlen=condition.needed)

    def feed(self, values: Iterable[object]) -> float | None:
        """Take in further values; return the first at which the condition holds, or None. What is no finite number is passed over."""
        for value in values:
            if (number := finite_number(value)) is None:
                continue
            self._recent.append(number)
            if len(self._recent) == self._condition.needed and self._condition.test(self._recent):
                return number
        return None


def condition_from(filter_: Mapping[str, Any]) -> MetricCondition:
    """Return the condition of a metric event's filter.

    Raises:
        InvalidArgumentError: it cannot be understood.
    """
    for name, read in (("threshold_filter", _threshold), ("change_filter", _change), ("zscore_filter", _zscore)):
        if isinstance(filter_.get(name), Mapping):
            try:
                return read(filter_[name])
            except (KeyError, TypeError, ValueError) as error:
                raise InvalidArgumentError(f"cannot understand the metric condition: {error!r}") from error
    raise InvalidArgumentError("the event has no metric condition")


def _threshold(document: Mapping[str, Any]) -> MetricCondition:
    compare, limit = _COMPARISONS[document["cmp_op"]], float(document["threshold"])
    aggregate, window = _window(document, "window_size")
    return MetricCondition(str(document["name"]), window, lambda recent: compare(aggregate(recent), limit))


def _change(document: Mapping[str, Any]) -> MetricCondition:
    amount, direction = float(document["change_amount"]), str(document["change_dir"])
    is_relative = document["change_type"] == "RELATIVE"
    aggregate, window = _window(document, "current_window_size")
    _, prior_window = _window(document, "prior_window_size")

    def test(recent: Sequence[float]) -> bool:
        values = list(recent)
        before, now = aggregate(values[:prior_window]), aggregate(values[prior_window:])
        return _passes(_divided(now - before, abs(before)) if is_relative else now - before, amount, direction)

    return MetricCondition(str(document["name"]), window + prior_window, test)


def _zscore(document: Mapping[str, Any]) -> MetricCondition:
    amount, direction, window = float(document["threshold"]), str(document["change_dir"]), _size(document["window_size"])

    def test(recent: Sequence[float]) -> bool:
        *before, value = recent
        return _passes(_divided(value - fmean(before), pstdev(before)), amount, direction)

    return MetricCondition(str(document["name"]), window + 1, test)


def _window(document: Mapping[str, Any], size: str) -> tuple[Callable[[Sequence[float]], float], int]:
    """Return aggregate and size; without an aggregate it is the one newest value, whatever the size says."""
    name = document.get("agg_op")
    return (_AGGREGATES[name], _size(document.get(size) or 1)) if name else (fmean, 1)


def _size(value: Any) -> int:
    if not 1 <= int(value) <= _MAX_WINDOW:
        raise ValueError(f"a window holds 1 to {_MAX_WINDOW} values")
    return int(value)


def _divided(difference: float, by: float) -> float:
    return difference / by if by else math.copysign(math.inf, difference) if difference else 0.0


def _passes(change: float, amount: float, direction: str) -> bool:
    return {"INCREASE": change, "DECREASE": -change, "ANY": abs(change)}[direction] >= amount
