"""Several outputs by named tuple, as parameters and artifacts, and output paths."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Input, Output, OutputPath

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"split.quotient": [3], "split.remainder": [2], "combine.Output": ["3:2:left:right 17"]}}


@dsl.component
def split(number: int, by: int, note: OutputPath(str), left: Output[Dataset], right: Output[Dataset]) -> NamedTuple(
    "Parts", [("quotient", int), ("remainder", int)]
):
    from collections import namedtuple

    with open(note, "w") as file:
        file.write(f"right {number}")
    for artifact, text in ((left, "left"), (right, "unused")):
        with open(artifact.path, "w") as file:
            file.write(text)
    return namedtuple("Parts", ["quotient", "remainder"])(number // by, number % by)


@dsl.component
def combine(quotient: int, remainder: int, note: str, left: Input[Dataset]) -> str:
    with open(left.path) as file:
        return f"{quotient}:{remainder}:{file.read()}:{note}"


@dsl.pipeline(name="named-tuples")
def pipeline(number: int = 17):
    parts = split(number=number, by=5)
    combine(
        quotient=parts.outputs["quotient"],
        remainder=parts.outputs["remainder"],
        note=parts.outputs["note"],
        left=parts.outputs["left"],
    )
