"""A loop over a list of artifacts (not implemented by the upstream backend)."""

from typing import List

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

SDKS = ("2.17.0",)
EXPECT = {"state": "SUCCEEDED", "outputs": {"size.Output": [1, 2, 3]}}


@dsl.component
def write(text: str, data: Output[Dataset]):
    with open(data.path, "w") as file:
        file.write(text)


@dsl.component
def size(data: Input[Dataset]) -> int:
    with open(data.path) as file:
        return len(file.read())


@dsl.pipeline(name="make-all")
def make_all() -> List[Dataset]:
    with dsl.ParallelFor(["a", "bb", "ccc"]) as text:
        written = write(text=text)
    return dsl.Collected(written.outputs["data"])


@dsl.pipeline(name="artifact-loop")
def pipeline():
    with dsl.ParallelFor(make_all().output) as data:
        size(data=data)
