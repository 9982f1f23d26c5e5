"""Environment of a task: its own variables, those of the platform, a clean working directory."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"show.Output": ["hello 0 True []"]}}


@dsl.component
def show() -> str:
    import os

    pod = os.environ["KFP_POD_NAME"]
    same = pod == os.environ["KFP_POD_UID"] and bool(pod)
    return f"{os.environ['GREETING']} {os.environ['KFP_RETRY_INDEX']} {same} {os.listdir('.')}"


@dsl.pipeline(name="environment")
def pipeline():
    show().set_env_variable("GREETING", "hello")
