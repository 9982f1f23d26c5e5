"""A task that runs although its upstream failed, with the default of the input that is missing."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "FAILED", "outputs": {"report.Output": ["message: nothing"]}, "states": {"broken": ["FAILED"]}}


@dsl.component
def broken() -> str:
    raise ValueError("no output")


@dsl.component
def report(message: str = "nothing") -> str:
    return f"message: {message}"


@dsl.pipeline(name="ignore-upstream-failure")
def pipeline():
    report(message=broken().output).ignore_upstream_failure()
