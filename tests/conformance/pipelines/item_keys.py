"""Keys of a loop's items: as arguments, in texts, in conditions that compare them with numbers; the SDK compiles the texts wrongly."""

from typing import List

from kfp import dsl

SDKS = ("2.7.0", "2.17.0")
ARGUMENTS = {"rows": [{"lr": 0.5, "n": 9}, {"lr": 0.05, "n": 10}]}
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {
        "given.Output": ["lr=0.05;x", "lr=0.5;x"],
        "made.Output": ["a=1", "a=1-0", "a=1-1", "a=2", "a=2-0", "a=2-1"],
        "literal.Output": ["b=1|5", "b=2|5"],
        "both.Output": ["3", "3 6", "4", "4 6"],
        "guarded.Output": ["n=10"],
        "small.Output": ["lr=0.05"],
        "named.Output": ["1 z"],
    },
}


@dsl.component
def make() -> List[dict]:
    return [{"a": 1, "who": "z", "on": True}, {"a": 2, "who": "y", "on": False}]


@dsl.component
def say(text: str) -> str:
    return text


@dsl.component
def pair(number: int, name: str) -> str:
    return f"{number} {name}"


@dsl.pipeline(name="item-keys")
def pipeline(rows: List[dict] = [{"lr": 1.0, "n": 1}], tail: str = "x"):
    with dsl.ParallelFor(rows) as row:
        say(text=f"lr={row.lr};{tail}").set_display_name("given")
        with dsl.If(row.n > 9):
            say(text=f"n={row.n}").set_display_name("guarded")
        with dsl.If(row.lr < 0.1):
            say(text=f"lr={row.lr}").set_display_name("small")
    with dsl.ParallelFor(make().output) as item:
        say(text=f"a={item.a}").set_display_name("made")
        with dsl.ParallelFor([0, 1]) as index:
            say(text=f"a={item.a}-{index}").set_display_name("made")
        with dsl.If(item.on == True):  # noqa: E712
            pair(number=item.a, name=item.who).set_display_name("named")
    with dsl.ParallelFor([{"b": 1}, {"b": 2}]) as literal:
        with dsl.ParallelFor([5]) as five:
            say(text=f"b={literal.b}|{five}").set_display_name("literal")
    with dsl.ParallelFor([{"c": "3"}, {"c": "4"}]) as both:
        say(text=both.c).set_display_name("both")
        with dsl.ParallelFor([6]) as six:
            say(text=f"{both.c} {six}").set_display_name("both")
