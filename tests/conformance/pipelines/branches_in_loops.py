"""If, Elif and Else with OneOf over artifacts inside a limited loop inside an exit handler; fan-in behind it; a pipeline with branches called in a branch."""

from typing import List

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

SDKS = ("2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {
        "read.Output": ["big 3", "mid 2", "small 1"],
        "join.Output": ["small 1,mid 2,big 3"],
        "note.Output": ["COMPLETE exit-handler-1"],
        "last.Output": ["9"],
    },
}


@dsl.component
def size(n: int) -> str:
    return ["small", "mid", "big"][n - 1]


@dsl.component
def write(text: str, n: int, data: Output[Dataset]):
    with open(data.path, "w") as file:
        file.write(f"{text} {n}")


@dsl.component
def read(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read()


@dsl.component
def join(parts: List[str]) -> str:
    return ",".join(parts)


@dsl.component
def note(status: dsl.PipelineTaskFinalStatus) -> str:
    return f"{status.state} {status.pipeline_task_name}"


@dsl.component
def triple(n: int) -> int:
    return 3 * n


@dsl.component
def last(n: int) -> str:
    return str(n)


@dsl.pipeline(name="inner-branches")
def inner(n: int) -> int:
    with dsl.If(n > 1):
        big = triple(n=n)
    with dsl.Else():
        one = triple(n=1)
    return dsl.OneOf(big.output, one.output)


@dsl.pipeline(name="branches-in-loops")
def pipeline(n: int = 3):
    with dsl.ExitHandler(note()):
        with dsl.ParallelFor([1, 2, 3], parallelism=2) as item:
            known = size(n=item)
            with dsl.If(known.output == "small"):
                small = write(text="small", n=item)
            with dsl.Elif(known.output == "mid"):
                mid = write(text="mid", n=item)
            with dsl.Else():
                big = write(text="big", n=item)
            seen = read(data=dsl.OneOf(small.outputs["data"], mid.outputs["data"], big.outputs["data"]))
        join(parts=dsl.Collected(seen.output))
    with dsl.If(n > 2):
        many = inner(n=n)
    with dsl.Else():
        few = inner(n=1)
    last(n=dsl.OneOf(many.output, few.output))
