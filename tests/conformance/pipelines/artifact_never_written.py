"""Reading an artifact that its task never wrote fails with the names of that task and of its output."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

SDKS = ("2.0.1", "2.17.0")
EXPECT = {
    "state": "FAILED",
    "states": {"forget": ["SUCCEEDED"], "read": ["FAILED"]},
    "error": "input 'data' has no content: task 'forget' ended without writing its output 'out'",
}


@dsl.component
def forget(out: Output[Dataset]):
    pass


@dsl.component
def read(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read()


@dsl.pipeline(name="artifact-never-written")
def pipeline():
    read(data=forget().outputs["out"])
