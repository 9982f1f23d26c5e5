"""What waits for a task that ignores failures runs after a failure, too; other tasks of the pipeline do not start any more."""

from kfp import dsl

SDKS = ("2.0.1", "2.17.0")
EXPECT = {
    "state": "FAILED",
    "outputs": {"summary.Output": ["summary of message: nothing"], "published.Output": ["published summary of message: nothing"]},
    "states": {"broken": ["FAILED"], "use": ["SKIPPED"], "report": ["SUCCEEDED"]},
}


@dsl.component
def broken() -> str:
    raise ValueError("no output")


@dsl.component
def use(text: str) -> str:
    return text


@dsl.component
def report(message: str = "nothing") -> str:
    return f"message: {message}"


@dsl.component
def tell(what: str, text: str) -> str:
    return f"{what} {text}"


@dsl.pipeline(name="ignore-upstream-chain")
def pipeline():
    failed = broken()
    use(text=failed.output)
    told = report(message=failed.output).ignore_upstream_failure()
    summary = tell(what="summary of", text=told.output).set_display_name("summary")
    tell(what="published", text=summary.output).set_display_name("published")
