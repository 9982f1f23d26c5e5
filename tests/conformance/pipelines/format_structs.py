"""Channels inside lists and structs: a whole string takes the value with its type, longer strings its text."""

from kfp import dsl

SDKS = ("2.17.0",)
EXPECT = {"state": "SUCCEEDED", "outputs": {"show.Output": ["{'deep': ['a \"b\"', {'n': 42}], 'text': 'value 42 of a \"b\"'}"]}}


@dsl.component
def number() -> int:
    return 42


@dsl.component
def show(value: dict) -> str:
    return str(dict(sorted(value.items())))


@dsl.pipeline(name="format-structs")
def pipeline(name: str = 'a "b"'):
    n = number()
    show(value={"text": f"value {n.output} of {name}", "deep": [name, {"n": n.output}]})
