"""A failing task: the run fails with its message, dependants are skipped, nothing new starts."""

from kfp import dsl

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "FAILED", "error": "ZeroDivisionError", "states": {"divide": ["FAILED"], "use": ["SKIPPED"]}}


@dsl.component
def divide(a: int, b: int) -> float:
    return a / b


@dsl.component
def use(value: float) -> float:
    return value


@dsl.pipeline(name="failing-component")
def pipeline(b: int = 0):
    use(value=divide(a=1, b=b).output)
