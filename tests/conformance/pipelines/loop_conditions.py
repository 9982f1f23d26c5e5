"""Conditions inside loops: on the item, with fan-in over the iterations that ran, and loops inside conditions."""

from typing import List

from kfp import dsl

SDKS = ("2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"double.Output": [6, 8], "total.Output": [14], "inner.Output": [1, 2], "item.Output": ["k=v1", "k=v2"]},
}


@dsl.component
def double(n: int) -> int:
    return 2 * n


@dsl.component
def total(values: List[int]) -> int:
    return sum(values)


@dsl.component
def rows() -> List[dict]:
    return [{"k": "v1"}, {"k": "v2"}]


@dsl.component
def item(row: dict) -> str:
    return ",".join(f"{key}={value}" for key, value in row.items())


@dsl.component
def inner(n: int) -> int:
    return n


@dsl.component
def yes() -> bool:
    return True


@dsl.pipeline(name="loop-conditions")
def pipeline(limit: int = 2):
    with dsl.ParallelFor([1, 2, 3, 4]) as n:
        with dsl.If(n > limit):
            doubled = double(n=n)
    total(values=dsl.Collected(doubled.output))
    with dsl.If(yes().output == True):  # noqa: E712
        with dsl.ParallelFor([1, 2]) as n:
            inner(n=n)
    with dsl.ParallelFor(rows().output) as row:
        item(row=row)
