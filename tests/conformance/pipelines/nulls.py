"""Null through nested pipelines: optional without default, default of the component, default of the inner pipeline."""

from typing import Optional

from kfp import dsl

SDKS = ("2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"show.Output": ["component None", "inner None", "outer None"]}}


@dsl.component
def show(word: str = "component", maybe: Optional[str] = None) -> str:
    return f"{word} {maybe}"


@dsl.pipeline(name="inner-default")
def with_default(word: Optional[str] = "inner", maybe: Optional[str] = None):
    show(word=word, maybe=maybe)


@dsl.pipeline(name="inner-none")
def without_default(word: Optional[str] = None):
    show(word=word)


@dsl.pipeline(name="nulls")
def pipeline(word: Optional[str] = None, given: str = "outer"):
    without_default(word=word)
    with_default(word=word)
    with_default(word=given)
