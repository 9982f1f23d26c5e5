"""Pipelines that return several outputs, and optional artifacts handed through two levels of pipelines, given and left out."""

from typing import NamedTuple, Optional

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

SDKS = ("2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"use.Output": ["hi 3 m"], "show.Output": ["None/d", "hi/x"], "inner.n": [3]}}
Outputs = NamedTuple("Outputs", [("data", Dataset), ("n", int), ("word", str)])


@dsl.component
def write(text: str, data: Output[Dataset]) -> NamedTuple("Values", [("n", int), ("word", str)]):
    with open(data.path, "w") as file:
        file.write(text)
    return (3, "m")


@dsl.component
def use(data: Input[Dataset], n: int, word: str) -> str:
    with open(data.path) as file:
        return f"{file.read()} {n} {word}"


@dsl.component
def show(data: Optional[Input[Dataset]] = None, word: Optional[str] = "component") -> str:
    if data is None:
        return f"None/{word}"
    with open(data.path) as file:
        return f"{file.read()}/{word}"


@dsl.pipeline(name="inner")
def inner(text: str) -> Outputs:
    written = write(text=text)
    return Outputs(written.outputs["data"], written.outputs["n"], written.outputs["word"])


@dsl.pipeline(name="lower")
def lower(data: Optional[Input[Dataset]] = None, word: Optional[str] = "d"):
    show(data=data, word=word)


@dsl.pipeline(name="middle")
def middle(data: Optional[Input[Dataset]] = None, word: Optional[str] = "d"):
    lower(data=data, word=word)


@dsl.pipeline(name="pipeline-outputs")
def pipeline(text: str = "hi"):
    made = inner(text=text)
    use(data=made.outputs["data"], n=made.outputs["n"], word=made.outputs["word"])
    middle()
    middle(data=made.outputs["data"], word="x")
