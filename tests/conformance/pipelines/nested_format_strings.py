"""Texts that quote the items of two nested loops, also in a condition and collected; the SDK compiles their wiring wrongly."""

from typing import List

from kfp import dsl

SDKS = ("2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"echo.Output": ["axz", "ayz", "bxz", "byz"], "guarded.Output": ["a-x-z", "b-x-z"], "join.Output": ["a1,a2,b1,b2"]},
}


@dsl.component
def last() -> str:
    return "z"


@dsl.component
def echo(text: str) -> str:
    return text


@dsl.component
def join(texts: List[List[str]]) -> str:
    return ",".join(text for inner in texts for text in inner)


@dsl.pipeline(name="nested-format-strings")
def pipeline(words: List[str] = ["a", "b"]):
    z = last()
    with dsl.ParallelFor(words) as left:
        with dsl.ParallelFor(["x", "y"]) as right:
            echo(text=f"{left}{right}{z.output}").set_display_name("echo")
            with dsl.If(right == "x"):
                echo(text=f"{left}-{right}-{z.output}").set_display_name("guarded")
    with dsl.ParallelFor(words) as left:
        with dsl.ParallelFor([1, 2]) as number:
            text = echo(text=f"{left}{number}").set_display_name("part")
    join(texts=dsl.Collected(text.output))
