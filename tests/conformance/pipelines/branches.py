"""If, Elif and Else with OneOf over parameters, inside and after the branches."""

from kfp import dsl

SDKS = ("2.7.0", "2.17.0")
ARGUMENTS = {"n": 5}
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"after.Output": ["after middle 5"], "say.Output": ["middle 5"]},
}


@dsl.component
def number(n: int) -> int:
    return n


@dsl.component
def say(text: str) -> str:
    return text


@dsl.component
def after(text: str) -> str:
    return f"after {text}"


@dsl.pipeline(name="branches")
def pipeline(n: int = 1) -> str:
    got = number(n=n)
    with dsl.If(got.output < 3):
        low = say(text="low").set_display_name("say")
    with dsl.Elif(got.output < 10):
        middle = say(text=f"middle {got.output}").set_display_name("say")
    with dsl.Else():
        high = say(text="high").set_display_name("say")
    chosen = dsl.OneOf(low.output, middle.output, high.output)
    after(text=chosen)
    return chosen
