"""Empty values of every type pass between tasks, through a pipeline that is called and in conditions as what they are, and are not taken for absent."""

from typing import NamedTuple, Optional

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {
        "read.Output": ["[0, '', False, [], {}, 0.0]"],
        "optional.Output": ["[0, '', [], {}, False]", "[None, 'x', None, {'k': 1}, None]"],
    },
    "states": {"zero": ["SUCCEEDED"], "blank": ["SUCCEEDED"], "filled": ["SKIPPED"]},
}


@dsl.component
def make() -> NamedTuple("Values", [("i", int), ("s", str), ("b", bool), ("l", list), ("d", dict), ("f", float)]):
    from collections import namedtuple

    return namedtuple("Values", "i s b l d f")(0, "", False, [], {}, 0.0)


@dsl.component
def read(i: int, s: str, b: bool, l: list, d: dict, f: float) -> str:  # noqa: E741
    return repr([i, s, b, l, d, f])


@dsl.component
def optional(
    a: Optional[int] = None, b: Optional[str] = "x", c: Optional[list] = None, d: dict = {"k": 1}, e: Optional[bool] = None
) -> str:
    return repr([a, b, c, d, e])


@dsl.component
def zero():
    pass


@dsl.component
def blank():
    pass


@dsl.component
def filled():
    pass


@dsl.pipeline(name="inner")
def inner(i: int = 1, s: str = "full", b: bool = True, l: list = [1], d: dict = {"a": 1}, f: float = 1.0):  # noqa: E741
    read(i=i, s=s, b=b, l=l, d=d, f=f)


@dsl.pipeline(name="empty-values")
def pipeline():
    made = make()
    inner(**{name: made.outputs[name] for name in ("i", "s", "b", "l", "d", "f")})
    optional()
    optional(a=0, b="", c=[], d={}, e=False).set_display_name("optional")
    with dsl.Condition(made.outputs["i"] == 0):
        zero()
    with dsl.Condition(made.outputs["s"] == ""):
        blank()
    with dsl.Condition(made.outputs["f"] != 0.0):
        filled()
