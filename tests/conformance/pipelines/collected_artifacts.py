"""Artifacts collected over one and two loops arrive as one flat list in item order."""

from typing import List

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

SDKS = ("2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"join.Output": ["a,b", "ax,ay,bx,by"]}}


@dsl.component
def write(text: str, data: Output[Dataset], more: str = ""):
    with open(data.path, "w") as file:
        file.write(text + more)


@dsl.component
def join(parts: Input[List[Dataset]]) -> str:
    texts = []
    for part in parts:
        with open(part.path) as file:
            texts.append(file.read())
    return ",".join(texts)


@dsl.pipeline(name="collected-artifacts")
def pipeline():
    with dsl.ParallelFor(["a", "b"]) as word:
        written = write(text=word)
    join(parts=dsl.Collected(written.outputs["data"]))
    with dsl.ParallelFor(["a", "b"]) as left:
        with dsl.ParallelFor(["x", "y"]) as right:
            deep = write(text=left, more=right)
    join(parts=dsl.Collected(deep.outputs["data"])).set_display_name("join")
