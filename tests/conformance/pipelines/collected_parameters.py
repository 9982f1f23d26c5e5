"""Collected over one and two loops; skipped iterations leave no trace; an empty loop collects nothing."""

from typing import List

from kfp import dsl

SDKS = ("2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"total.Output": [12], "shape.Output": [[[11, 12], [21, 22]]], "length.Output": [0]},
}


@dsl.component
def double(n: int) -> int:
    return 2 * n


@dsl.component
def add(a: int, b: int) -> int:
    return 10 * a + b


@dsl.component
def total(values: List[int]) -> int:
    return sum(values)


@dsl.component
def shape(values: List[List[int]]) -> List[List[int]]:
    return values


@dsl.component
def nothing() -> List[int]:
    return []


@dsl.component
def length(values: List[int]) -> int:
    return len(values)


@dsl.pipeline(name="collected-parameters")
def pipeline():
    with dsl.ParallelFor([1, 2, 3]) as n:
        doubled = double(n=n)
    total(values=dsl.Collected(doubled.output))
    with dsl.ParallelFor([1, 2]) as a:
        with dsl.ParallelFor([1, 2]) as b:
            added = add(a=a, b=b)
    shape(values=dsl.Collected(added.output))
    with dsl.ParallelFor(nothing().output) as n:
        none = double(n=n)
    length(values=dsl.Collected(none.output))
