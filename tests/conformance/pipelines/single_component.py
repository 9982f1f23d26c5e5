"""A single component compiled and run as a pipeline."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
ARGUMENTS = {"a": 2, "b": 3}
EXPECT = {"state": "SUCCEEDED", "outputs": {"add-numbers.Output": [5]}}


@dsl.component
def add_numbers(a: int, b: int) -> int:
    return a + b


pipeline = add_numbers
