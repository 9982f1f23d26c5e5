"""Compiles the kfp 1.8 pipeline of the benchmarks; runs in an environment with kfp 1.8. Called as `python pipelines_v1.py OUTPUT_DIR`."""

import sys
from pathlib import Path

from kfp import compiler, components, dsl


def same(value: int) -> int:
    """Return what is given."""
    return value


STEP = components.create_component_from_func(same)
COUNT = 500


@dsl.pipeline(name="fan")
def fan():
    """Run independent steps, each with an output, none from the cache."""
    for index in range(COUNT):
        STEP(index).execution_options.caching_strategy.max_cache_staleness = "P0D"


if __name__ == "__main__":
    compiler.Compiler().compile(fan, str(Path(sys.argv[1], "fan_v1.yaml")))
