"""A whole pipeline as exit task."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "FAILED", "outputs": {"clean.Output": ["one", "two"]}, "states": {"broken": ["FAILED"]}}


@dsl.component
def broken():
    raise SystemExit(3)


@dsl.component
def clean(word: str) -> str:
    return word


@dsl.pipeline(name="clean-up")
def clean_up(word: str):
    first = clean(word=word)
    clean(word="two").set_display_name("clean").after(first)


@dsl.pipeline(name="exit-pipeline")
def pipeline(word: str = "one"):
    with dsl.ExitHandler(exit_task=clean_up(word=word)):
        broken()
