"""A loop straight over OneOf, and conditions on OneOf; the SDK compiles the OneOf away."""

from typing import List

from kfp import dsl

SDKS = ("2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"echo.Output": ["b1", "b2", "many"]},
    "states": {"never": ["SKIPPED"]},
}


@dsl.component
def words(kind: str) -> List[str]:
    return [kind + "1", kind + "2"]


@dsl.component
def size(n: int) -> str:
    return "many" if n > 1 else "one"


@dsl.component
def echo(text: str) -> str:
    return text


@dsl.pipeline(name="choices-of-groups")
def pipeline(kind: str = "b", n: int = 2):
    with dsl.If(kind == "a"):
        first = words(kind="a")
        sized = size(n=1)
    with dsl.Else():
        second = words(kind="b")
        counted = size(n=n)
    with dsl.ParallelFor(dsl.OneOf(first.output, second.output)) as item:
        echo(text=item).set_display_name("echo")
    with dsl.If(dsl.OneOf(sized.output, counted.output) == "many"):
        echo(text="many").set_display_name("echo")
    with dsl.If(dsl.OneOf(sized.output, counted.output) == "one"):
        echo(text="one").set_display_name("never")
