"""An exit handler around a body that fails: the exit task runs, sees the error, and the run fails."""

from kfp import dsl
from kfp.dsl import PipelineTaskFinalStatus

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {
    "state": "FAILED",
    "error": "broken on purpose",
    "outputs": {"finish.Output": ["FAILED True"]},
    "states": {"broken": ["FAILED"], "later": ["SKIPPED"], "finish": ["SUCCEEDED"]},
}


@dsl.component
def broken() -> str:
    raise ValueError("broken on purpose")


@dsl.component
def later(text: str) -> str:
    return text


@dsl.component
def finish(status: PipelineTaskFinalStatus) -> str:
    return f"{status.state} {bool(status.error_message)}"


@dsl.pipeline(name="exit-handler-failing")
def pipeline():
    with dsl.ExitHandler(exit_task=finish()):
        later(text=broken().output)
