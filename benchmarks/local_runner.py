"""The comparison: the same no-op component through kfp's own local runner. Prints seconds per task. Runs with kfp."""

import sys
import time

import pipelines
from kfp import local


def main(count: int) -> None:
    """Time `count` tasks after a first one that warms the imports."""
    local.init(runner=local.SubprocessRunner(use_venv=False), raise_on_error=True)
    pipelines.nothing(value=0)
    begun = time.perf_counter()
    for index in range(count):
        pipelines.nothing(value=index)
    print((time.perf_counter() - begun) / count)


if __name__ == "__main__":
    main(int(sys.argv[1]))
