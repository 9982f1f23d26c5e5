"""A declared output that is never written fails the task by name."""

from kfp import dsl
from kfp.dsl import OutputPath

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "FAILED", "error": "result", "states": {"forget": ["FAILED"], "use": ["SKIPPED"]}}


@dsl.component
def forget(result: OutputPath(int)):
    pass


@dsl.component
def use(value: int) -> int:
    return value


@dsl.pipeline(name="missing-output")
def pipeline():
    use(value=forget().outputs["result"])
