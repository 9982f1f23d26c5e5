"""f-strings over pipeline inputs, task outputs, loop items and run facts."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {
        "echo.Output": ["ann says 42 and {not a placeholder}", "ann/1", "ann/2"],
        "number.Output": [42],
    },
}


@dsl.component
def number() -> int:
    return 42


@dsl.component
def echo(text: str) -> str:
    return text


@dsl.pipeline(name="format-strings")
def pipeline(name: str = "ann"):
    n = number()
    echo(text=f"{name} says {n.output} and {{not a placeholder}}")
    with dsl.ParallelFor([1, 2]) as item:
        echo(text=f"{name}/{item}").set_display_name("echo")
