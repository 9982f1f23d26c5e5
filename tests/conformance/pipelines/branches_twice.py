"""Branches in a pipeline and in one that it calls, numbered alike; the SDK compiles the groups of one into those of the other."""

from kfp import dsl
from kfp.dsl import Input, Model, Output

SDKS = ("2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"use.Output": ["9"], "read.Output": ["yes"], "pick.Output": ["deep"]},
    "states": {"triple-2": ["SKIPPED"], "write-2": ["SKIPPED"]},
}


@dsl.component
def triple(n: int) -> int:
    return 3 * n


@dsl.component
def use(n: int) -> str:
    return str(n)


@dsl.component
def write(text: str, model: Output[Model]):
    with open(model.path, "w") as file:
        file.write(text)


@dsl.component
def read(model: Input[Model]) -> str:
    with open(model.path) as file:
        return file.read()


@dsl.component
def say(text: str) -> str:
    return text


@dsl.pipeline(name="choose")
def choose(flag: bool) -> Model:
    with dsl.If(flag == True):  # noqa: E712
        yes = write(text="yes")
    with dsl.Else():
        no = write(text="no").set_display_name("write-2")
    return dsl.OneOf(yes.outputs["model"], no.outputs["model"])


@dsl.pipeline(name="branches-twice")
def pipeline(n: int = 3, flag: bool = True, word: str = "b"):
    with dsl.If(n > 2):
        many = triple(n=n)
    with dsl.Else():
        few = triple(n=1).set_display_name("triple-2")
    use(n=dsl.OneOf(many.output, few.output))
    read(model=choose(flag=flag).output)
    with dsl.If(word == "a"):
        first = say(text="if")
    with dsl.Elif(word == "b"):
        with dsl.If(n != 3):
            one = say(text="x")
        with dsl.Else():
            other = say(text="deep")
        second = say(text=dsl.OneOf(one.output, other.output))
    with dsl.Else():
        third = say(text="else")
    say(text=dsl.OneOf(first.output, second.output, third.output)).set_display_name("pick")
