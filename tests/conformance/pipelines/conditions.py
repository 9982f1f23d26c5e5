"""Conditions over strings (with quotes in them), numbers and booleans, nested; what depends on a skipped task is skipped."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"echo.Output": ["deep", "heads", "quoted", "true"]},
    "states": {"condition-3": ["SKIPPED"], "condition-4": ["SKIPPED"], "coin": ["SUCCEEDED"]},
}


@dsl.component
def coin() -> str:
    return "heads"


@dsl.component
def size() -> int:
    return 12


@dsl.component
def flag() -> bool:
    return True


@dsl.component
def echo(text: str) -> str:
    return text


@dsl.component
def never() -> str:
    raise AssertionError("this task must not run")


@dsl.pipeline(name="conditions")
def pipeline(limit: int = 10, quote: str = "a'b\"c"):
    tossed = coin()
    measured = size()
    flagged = flag()
    with dsl.Condition(tossed.output == "heads"):
        echo(text=tossed.output).set_display_name("echo")
        with dsl.Condition(measured.output > limit):
            echo(text="deep").set_display_name("echo")
        with dsl.Condition(measured.output <= limit):
            never().set_display_name("never")
    with dsl.Condition(tossed.output == "tails"):
        never().set_display_name("never")
    with dsl.Condition(flagged.output == True):  # noqa: E712
        echo(text="true").set_display_name("echo")
    with dsl.Condition(quote == "a'b\"c"):  # the SDK puts it between quotes as it is
        echo(text="quoted").set_display_name("echo")
