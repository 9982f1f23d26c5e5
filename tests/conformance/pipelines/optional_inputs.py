"""Optional inputs of components: not given, given null by the pipeline, given a value, optional artifacts."""

from typing import Optional

from kfp import dsl
from kfp.dsl import Dataset, Input

SDKS = ("2.7.0", "2.17.0")
ARGUMENTS = {"given": "g"}
EXPECT = {"state": "SUCCEEDED", "outputs": {"show.Output": ["None/7/True", "default/7/True", "g/7/True"]}}


@dsl.component
def show(word: Optional[str] = "default", number: int = 7, data: Optional[Input[Dataset]] = None) -> str:
    return f"{word}/{number}/{data is None}"


@dsl.component
def show_none(word: Optional[str] = None) -> str:
    return f"{word}/7/True"


@dsl.pipeline(name="optional-inputs")
def pipeline(given: Optional[str] = None, missing: Optional[str] = None):
    show(word=given)
    show().set_display_name("show")
    show_none(word=missing).set_display_name("show")
