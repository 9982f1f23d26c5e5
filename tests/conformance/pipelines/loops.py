"""Loops over literals, pipeline inputs, task outputs and structs with sub-variables; nested; empty; limited."""

from typing import List

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {
        "echo.Output": ["1", "2", "a", "b"],
        "pair.Output": ["p:x", "p:y", "q:x", "q:y"],
        "field.Output": ["ann 3", "bob 4"],
        "numbers.Output": [[7, 8]],
        "limited.Output": [7, 8],
    },
}


@dsl.component
def numbers() -> List[int]:
    return [7, 8]


@dsl.component
def nothing() -> List[int]:
    return []


@dsl.component
def echo(text: str) -> str:
    return text


@dsl.component
def limited(n: int) -> int:
    return n


@dsl.component
def field(who: str, age: str) -> str:
    return f"{who} {age}"


@dsl.component
def pair(left: str, right: str) -> str:
    return f"{left}:{right}"


@dsl.pipeline(name="loops")
def pipeline(words: List[str] = ["a", "b"]):
    with dsl.ParallelFor(["1", "2"]) as item:
        echo(text=item).set_display_name("echo")
    with dsl.ParallelFor(words) as word:
        echo(text=word).set_display_name("echo")
    with dsl.ParallelFor([{"who": "ann", "age": "3"}, {"who": "bob", "age": "4"}]) as person:
        field(who=person.who, age=person.age)
    with dsl.ParallelFor(["p", "q"]) as left:
        with dsl.ParallelFor(["x", "y"]) as right:
            pair(left=left, right=right)
    with dsl.ParallelFor(numbers().output, parallelism=1) as n:
        limited(n=n)
    with dsl.ParallelFor(nothing().output) as n:
        limited(n=n).set_display_name("never")
