"""OneOf over artifacts."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Output

SDKS = ("2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"read.Output": ["else"]}}


@dsl.component
def toss() -> str:
    return "tails"


@dsl.component
def write(text: str, data: Output[Artifact]):
    with open(data.path, "w") as file:
        file.write(text)


@dsl.component
def read(data: Input[Artifact]) -> str:
    with open(data.path) as file:
        return file.read()


@dsl.pipeline(name="branch-artifacts")
def pipeline():
    tossed = toss()
    with dsl.If(tossed.output == "heads"):
        one = write(text="if")
    with dsl.Else():
        other = write(text="else")
    read(data=dsl.OneOf(one.outputs["data"], other.outputs["data"]))
