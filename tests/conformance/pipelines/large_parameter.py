"""A parameter of 300 kB, more than one argument of a command may have."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"length.Output": [300000]}}


@dsl.component
def make() -> str:
    return "x" * 300000


@dsl.component
def length(text: str) -> int:
    return len(text)


@dsl.pipeline(name="large-parameter")
def pipeline():
    length(text=make().output)
