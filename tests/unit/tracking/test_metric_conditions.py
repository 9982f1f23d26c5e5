"""When values of a metric trigger an automation."""

from __future__ import annotations

import math
from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.tracking.metric_conditions import condition_from


def threshold(**fields: Any) -> dict[str, Any]:
    return {"threshold_filter": {"name": "m", "cmp_op": "$gt", "threshold": 5, **fields}}


def change(kind: str, direction: str, amount: float, window: int = 1, aggregate: str | None = None) -> dict[str, Any]:
    return {
        "change_filter": {
            "name": "m", "agg_op": aggregate, "current_window_size": window, "prior_window_size": window, "change_type": kind,
            "change_dir": direction, "change_amount": amount,
        }
    }  # fmt: skip


def zscore(direction: str, amount: float, window: int) -> dict[str, Any]:
    return {"zscore_filter": {"name": "m", "window_size": window, "threshold": amount, "change_dir": direction}}


@pytest.mark.parametrize(
    ("document", "values", "passes_at"),
    [
        (threshold(), [1, 5, 6, 7], 6),
        (threshold(cmp_op="$lte"), [9, 5], 5),
        (threshold(agg_op="AVERAGE", window_size=3), [9, 1, 1, 9, 9], 9),
        (threshold(agg_op="MIN", window_size=2), [9, 1, 9, 6], 6),
        (threshold(agg_op="MAX", window_size=4), [9, 9, 9], None),
        (threshold(), [math.nan, math.inf, True, "9", None], None),
        (change("ABSOLUTE", "INCREASE", 3), [1, 3, 6], 6),
        (change("ABSOLUTE", "DECREASE", 3), [1, 9, 6], 6),
        (change("RELATIVE", "ANY", 0.5), [-10, -12, -5], -5),
        (change("RELATIVE", "ANY", 0.5), [0, 0, 1], 1),
        (change("ABSOLUTE", "INCREASE", 4, window=2, aggregate="AVERAGE"), [0, 0, 1, 7], 7),
        (zscore("INCREASE", 3, 4), [1, 2, 1, 2, 2, 9], 9),
        (zscore("DECREASE", 3, 4), [1, 2, 1, 2, 9], None),
        (zscore("ANY", 3, 2), [1, 1, 1], None),
    ],
)
def test_a_condition_holds_at_the_first_value_that_satisfies_it(document: dict[str, Any], values: list[Any], passes_at: float | None) -> None:
    condition = condition_from(document)
    together = condition.watch().feed(values)
    watch = condition.watch()
    one_by_one = next((found for value in values if (found := watch.feed([value])) is not None), None)
    assert together == one_by_one == passes_at


@pytest.mark.parametrize(
    "document", [{}, threshold(cmp_op="$eq"), threshold(threshold="x"), threshold(agg_op="MEDIAN"), threshold(agg_op="MAX", window_size=-1)]
)
def test_what_cannot_be_understood_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        condition_from(document)
