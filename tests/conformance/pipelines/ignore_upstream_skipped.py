"""A task that runs whatever became of its upstream, behind skipped tasks and behind a pipeline that failed, with the defaults of what is missing."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {
    "state": "FAILED",
    "error": "ValueError: no output",
    "outputs": {"report.Output": ["message: nothing", "message: nothing"]},
    "states": {"middle": ["SKIPPED", "SKIPPED"], "beyond": ["SUCCEEDED"], "called": ["FAILED"]},
}


@dsl.component
def broken() -> str:
    raise ValueError("no output")


@dsl.component
def middle(text: str) -> str:
    return text


@dsl.component
def report(message: str = "nothing") -> str:
    return f"message: {message}"


@dsl.component
def beyond(text: str) -> str:
    return text


@dsl.pipeline(name="called")
def called() -> str:
    return broken().output


@dsl.pipeline(name="ignore-upstream-skipped")
def pipeline():
    skipped = middle(text=middle(text=broken().output).set_display_name("middle").output).set_display_name("middle")
    told = report(message=skipped.output).set_display_name("report").ignore_upstream_failure()
    beyond(text=told.output)
    report(message=called().output).set_display_name("report").ignore_upstream_failure()
