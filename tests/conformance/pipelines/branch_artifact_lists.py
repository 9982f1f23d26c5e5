"""OneOf over lists of artifacts that called pipelines collect, and over lists of parameters."""

from typing import List

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

SDKS = ("2.17.0",)
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"read.Output": ["a,b", "c"], "tell.Output": ["a;b", "c;d"]},
}


@dsl.component
def make(text: str, out: Output[Dataset]):
    with open(out.path, "w") as file:
        file.write(text)


@dsl.component
def words(texts: List[str]) -> List[str]:
    return texts


@dsl.component
def read(made: Input[List[Dataset]]) -> str:
    return ",".join(open(each.path).read() for each in made)


@dsl.component
def tell(texts: List[str]) -> str:
    return ";".join(texts)


@dsl.pipeline(name="several")
def several(texts: List[str]) -> List[Dataset]:
    with dsl.ParallelFor(texts) as text:
        made = make(text=text)
    return dsl.Collected(made.outputs["out"])


@dsl.pipeline(name="choice")
def choice(coin: str) -> str:
    with dsl.If(coin == "heads"):
        first, first_words = several(texts=["a", "b"]), words(texts=["a", "b"])
    with dsl.Else():
        second, second_words = several(texts=["c"]), words(texts=["c", "d"])
    tell(texts=dsl.OneOf(first_words.output, second_words.output)).set_display_name("tell")
    return read(made=dsl.OneOf(first.output, second.output)).set_display_name("read").output


@dsl.pipeline(name="branch-artifact-lists")
def pipeline():
    choice(coin="heads")
    choice(coin="tails")
