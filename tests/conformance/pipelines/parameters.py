"""Parameters of every type, with defaults, given values and numbers that must stay integers."""

from typing import Dict, List

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
ARGUMENTS = {"count": 3, "items": [4, 5]}
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {
        "describe.Output": ["int 3|float 0.5|str x y|bool True|list [4, 5]|dict {'deep': {'n': 1}}"],
        "repeat.Output": ["ababab"],
    },
}


@dsl.component
def describe(count: int, rate: float, word: str, flag: bool, items: List[int], table: Dict[str, dict]) -> str:
    return "|".join(f"{type(value).__name__} {value}" for value in (count, rate, word, flag, items, table))


@dsl.component
def repeat(word: str, times: int = 2) -> str:
    return word * times


@dsl.pipeline(name="parameters")
def pipeline(
    count: int = 7,
    rate: float = 0.5,
    word: str = "x y",
    flag: bool = True,
    items: List[int] = [1],
    table: Dict[str, dict] = {"deep": {"n": 1}},
):
    describe(count=count, rate=rate, word=word, flag=flag, items=items, table=table)
    repeat(word="ab", times=count)
