"""Artifacts in Python style: returned by the function, named by `dsl.get_uri`, list inputs without `Input[]`."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset

SDKS = ("2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"read.Output": ["first 1", "left right"], "passed.Output": ["first"]}}


@dsl.component
def make(text: str) -> Dataset:
    from kfp import dsl

    data = dsl.Dataset(uri=dsl.get_uri(), metadata={"n": 1})
    with open(data.path, "w") as file:
        file.write(text)
    return data


@dsl.component
def make_two() -> NamedTuple("Two", [("left", Dataset), ("right", Dataset)]):
    from typing import NamedTuple

    from kfp import dsl

    pair = NamedTuple("Two", [("left", Dataset), ("right", Dataset)])
    made = []
    for side in ("left", "right"):
        data = dsl.Dataset(uri=dsl.get_uri(suffix=side))
        with open(data.path, "w") as file:
            file.write(side)
        made.append(data)
    return pair(*made)


@dsl.component
def forward(data: Dataset) -> Dataset:
    return data


@dsl.component
def passed(data: Dataset) -> str:
    with open(data.path) as file:
        return file.read()


@dsl.component
def read(data: Dataset) -> str:
    with open(data.path) as file:
        return f"{file.read()} {int(data.metadata['n'])}"


@dsl.component
def read_two(left: Dataset, right: Dataset) -> str:
    texts = []
    for part in (left, right):
        with open(part.path) as file:
            texts.append(file.read())
    return " ".join(texts)


@dsl.pipeline(name="pythonic-artifacts")
def pipeline():
    made = make(text="first")
    read(data=made.output)
    passed(data=forward(data=made.output).output)
    two = make_two()
    read_two(left=two.outputs["left"], right=two.outputs["right"]).set_display_name("read")
