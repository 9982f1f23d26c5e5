"""Compiles the pipelines of the benchmarks; runs in an environment with kfp. Called as `python pipelines.py OUTPUT_DIR`."""

import sys
from pathlib import Path

from kfp import compiler, dsl

IMAGE = f"python:{sys.version_info.major}.{sys.version_info.minor}"


@dsl.component(base_image=IMAGE)
def nothing(value: int = 0):
    """Do nothing."""


@dsl.component(base_image=IMAGE)
def pass_on(value: int) -> int:
    """Return what is given."""
    return value + 1


def wide(count: int):
    """Return a pipeline of independent tasks."""

    @dsl.pipeline(name=f"wide-{count}")
    def pipeline():
        for index in range(count):
            nothing(value=index)

    return pipeline


def chain(count: int):
    """Return a pipeline in which every task waits for the one before."""

    @dsl.pipeline(name=f"chain-{count}")
    def pipeline():
        task = pass_on(value=0)
        for _ in range(count - 1):
            task = pass_on(value=task.output)

    return pipeline


@dsl.pipeline(name="loop")
def loop(items: list):
    """Run one task per item."""
    with dsl.ParallelFor(items) as item:
        nothing(value=item)


def main(folder: str) -> None:
    """Write every package."""
    for name, pipeline in {"one": wide(1), "wide": wide(500), "chain": chain(200), "loop": loop}.items():
        compiler.Compiler().compile(pipeline, str(Path(folder, f"{name}.yaml")))


if __name__ == "__main__":
    main(sys.argv[1])
