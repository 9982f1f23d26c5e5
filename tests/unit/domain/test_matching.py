"""Filter documents over versions and collections."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.matching import compile_filter

OBJECT: dict[str, list[Any]] = {
    "name": ["ds"], "size": [10], "tag": ["a", "b"], "created_at": [1_700_000_000.0], "flag": [True],
    "large": [2**60 + 1], "debt": [-7]}  # fmt: skip


def matches(document: dict[str, Any]) -> bool:
    return compile_filter(document)(lambda field: OBJECT.get(field, []))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"name": "ds"},
        {"tag": "b"},
        {"size": {"$gte": 10, "$lt": 11}},
        {"name": {"$regex": "^d"}},
        {"name": {"$contains": "s"}},
        {"absent": {"$exists": False}},
        {"absent": {"$ne": 3}},
        {"name": {"$nin": ["x"]}},
        {"$or": [{"name": "x"}, {"tag": {"$in": ["a"]}}]},
        {"$nor": [{"name": "x"}]},
        {"$not": {"name": "x"}},
        {"size": {"$not": {"$gt": 10}}},
        {"created_at": {"$gt": "2023-01-01T00:00:00Z"}},
        {"large": {"$gt": 2.0**60, "$lt": 10**400}},
        {"large": {"$mod": [2, 1]}},
        {"debt": {"$mod": [4, -3]}},
        {"debt": {"$mod": [-4, -3]}},
    ],
)
def test_what_holds(document: dict[str, Any]) -> None:
    assert matches(document)


@pytest.mark.parametrize(
    "document",
    [
        {"name": "x"},
        {"tag": {"$ne": "a"}},
        {"size": "10"},
        {"flag": 1},
        {"name": {"$gt": 3}},
        {"absent": 3},
        {"large": 2**60},
        {"debt": {"$mod": [4, 1]}},
        {"$and": [{"name": "ds"}, {"size": 11}]},
        {"created_at": {"$lt": "2023-01-01T00:00:00Z"}},
    ],
)
def test_what_does_not_hold(document: dict[str, Any]) -> None:
    assert not matches(document)


@pytest.mark.parametrize("document", [{"$xor": []}, {"name": {"$near": 1}}, {"name": {"$regex": "("}}, {"$and": {}}, {"name": {"$in": "x"}}, {"name": {"$size": float("inf")}}])
def test_what_cannot_be_understood_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        matches(document)


def test_deep_nesting_is_refused() -> None:
    document: dict[str, Any] = {"name": "ds"}
    for _ in range(100):
        document = {"$and": [document]}
    with pytest.raises(InvalidArgumentError, match="deeply"):
        matches(document)
