"""Retry policies: of a task, and inherited from an enclosing pipeline task."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"flaky.Output": ["attempt 2"], "shy.Output": ["attempt 1"]}}


@dsl.component
def flaky() -> str:
    import os

    index = int(os.environ["KFP_RETRY_INDEX"])
    if index < 2:
        raise RuntimeError(f"attempt {index} fails")
    return f"attempt {index}"


@dsl.component
def shy() -> str:
    import os

    index = int(os.environ["KFP_RETRY_INDEX"])
    if index < 1:
        raise RuntimeError("the first attempt fails")
    return f"attempt {index}"


@dsl.pipeline(name="inner-retries")
def inner():
    shy()


@dsl.pipeline(name="retries")
def pipeline():
    flaky().set_retry(num_retries=3, backoff_duration="0s")
    inner().set_retry(num_retries=1, backoff_duration="0s")
