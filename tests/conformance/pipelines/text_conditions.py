"""Numbers, booleans and keys of a loop's items compared with texts; the SDK compiles what is no CEL."""

from kfp import dsl

SDKS = ("2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"say.Output": ["key", "number", "reversed"]}, "states": {"no": ["SKIPPED", "SKIPPED"]}}


@dsl.component
def five() -> int:
    return 5


@dsl.component
def say(text: str) -> str:
    return text


@dsl.pipeline(name="text-conditions")
def pipeline(share: float = 0.5):
    number = five()
    with dsl.If(number.output == "5"):
        say(text="number").set_display_name("say")
    with dsl.If(number.output == "six"):
        say(text="NO").set_display_name("no")
    with dsl.If(share != "0.5"):
        say(text="NO").set_display_name("no")
    with dsl.If("4" != number.output):
        say(text="reversed").set_display_name("say")
    with dsl.ParallelFor([{"rank": 1, "who": "x"}, {"rank": 2, "who": "y"}]) as item:
        with dsl.If(item.who == "y"):
            say(text="key").set_display_name("say")
