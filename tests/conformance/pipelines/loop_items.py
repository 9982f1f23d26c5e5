"""Items of loops of every type: texts with quotes, line breaks, placeholders, shell or nothing in them, numbers, booleans, lists, structs; collected in order."""

from typing import List

from kfp import dsl

SDKS = ("2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {
        "texts.Output": ['a|q\'uote|d"ouble|new\nline|ünï||  sp |{"j":1}|1|true|$(date)|{{$.x}}|null'],
        "values.Output": ['[[1.5, -3.25], [0, -7], [true, false], [[1, 2], [], [["a"]]], [{"a": 1}, {}, {"b": {"c": [1]}}]]'],
        "rows.Output": ['[["x1", "x2"], ["y3"], []]'],
    },
}


@dsl.component
def text(x: str) -> str:
    return x


@dsl.component
def fraction(x: float) -> float:
    return x


@dsl.component
def whole(x: int) -> int:
    return x


@dsl.component
def truth(x: bool) -> bool:
    return x


@dsl.component
def several(x: list) -> list:
    return x


@dsl.component
def struct(x: dict) -> dict:
    return x


@dsl.component
def texts(xs: List[str]) -> str:
    return "|".join(xs)


@dsl.component
def values(a: list, b: list, c: list, d: list, e: list) -> str:
    import json

    return json.dumps([a, b, c, d, e])


@dsl.component
def make() -> list:
    return [{"n": "x", "vals": [1, 2]}, {"n": "y", "vals": [3]}, {"n": "z", "vals": []}]


@dsl.component
def cell(n: str, v: int) -> str:
    return f"{n}{v}"


@dsl.component
def rows(xs: List[List[str]]) -> str:
    import json

    return json.dumps(xs)


@dsl.pipeline(name="loop-items")
def pipeline():
    with dsl.ParallelFor(
        ["a", "q'uote", 'd"ouble', "new\nline", "ünï", "", "  sp ", '{"j":1}', "1", "true", "$(date)", "{{$.x}}", "null"]
    ) as item:
        said = text(x=item)
    texts(xs=dsl.Collected(said.output))
    with dsl.ParallelFor([1.5, -3.25]) as item:
        a = fraction(x=item)
    with dsl.ParallelFor([0, -7]) as item:
        b = whole(x=item)
    with dsl.ParallelFor([True, False]) as item:
        c = truth(x=item)
    with dsl.ParallelFor([[1, 2], [], [["a"]]]) as item:
        d = several(x=item)
    with dsl.ParallelFor([{"a": 1}, {}, {"b": {"c": [1]}}]) as item:
        e = struct(x=item)
    values(
        a=dsl.Collected(a.output),
        b=dsl.Collected(b.output),
        c=dsl.Collected(c.output),
        d=dsl.Collected(d.output),
        e=dsl.Collected(e.output),
    )
    with dsl.ParallelFor(make().output) as row:
        with dsl.ParallelFor(row.vals) as value:
            made = cell(n=row.n, v=value)
    rows(xs=dsl.Collected(made.output))
