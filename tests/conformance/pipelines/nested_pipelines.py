"""Pipelines inside pipelines: defaults and null of nested inputs, parameter and artifact outputs."""

from typing import NamedTuple, Optional

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"read.Output": ["a=2 b=None"], "double.Output": [10, 22]}}


@dsl.component
def double(n: int) -> int:
    return 2 * n


@dsl.component
def write(a: int, data: Output[Dataset], b: Optional[str] = None):
    with open(data.path, "w") as file:
        file.write(f"a={a} b={b}")


@dsl.component
def read(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read()


@dsl.pipeline(name="inner-part")
def inner(n: int, a: int = 2, b: Optional[str] = None) -> NamedTuple("Inner", [("number", int), ("data", Dataset)]):
    doubled = double(n=n)
    written = write(a=a, b=b)
    result = NamedTuple("Inner", [("number", int), ("data", Dataset)])
    return result(doubled.output, written.outputs["data"])


@dsl.pipeline(name="nested-pipelines")
def pipeline(n: int = 5):
    first = inner(n=n)
    read(data=first.outputs["data"])
    second = double(n=11)
    second.after(first)
