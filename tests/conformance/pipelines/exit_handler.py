"""An exit handler around a body that succeeds: the exit task sees COMPLETE and the name of the group."""

from kfp import dsl
from kfp.dsl import PipelineTaskFinalStatus

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"finish.Output": ["COMPLETE exit-handler-1 hi"]}}


@dsl.component
def work() -> str:
    return "done"


@dsl.component
def finish(word: str, status: PipelineTaskFinalStatus) -> str:
    assert "exit-handler-pipeline" in status.pipeline_job_resource_name, status
    return f"{status.state} {status.pipeline_task_name} {word}"


@dsl.pipeline(name="exit-handler-pipeline")
def pipeline(word: str = "hi"):
    with dsl.ExitHandler(exit_task=finish(word=word)):
        work()
