"""Caching switched off for one task and keyed for another; the runner submits the pipeline twice."""

from kfp import dsl

SDKS = ("2.17.0",)
EXPECT = {"state": "SUCCEEDED", "outputs": {"add.Output": [3], "fresh.Output": [3]}}


@dsl.component
def add(a: int, b: int) -> int:
    return a + b


@dsl.component
def fresh(a: int, b: int) -> int:
    return a + b


@dsl.pipeline(name="caching")
def pipeline():
    add(a=1, b=2)
    fresh(a=1, b=2).set_caching_options(False)
