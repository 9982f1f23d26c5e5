"""Limits by the control groups of this host, where it lets us make some."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.domain.execution import FailureKind, ProcessSpec, Resources
from penstock.executors.process.limits import RlimitOnly, find_limiter


async def test_the_kernel_ends_a_task_over_its_memory_limit(open_stage) -> None:
    limiter = find_limiter()
    if isinstance(limiter, RlimitOnly):
        pytest.skip("no control groups to be had here")
    script = "import time\nx = []\nwhile True: x.append(bytearray(10_000_000)); time.sleep(0.001)"
    async with open_stage(limiter=limiter) as scene:
        limits = Resources(memory_limit_bytes=96 << 20, cpu_limit=1)
        finished = await scene.run(ProcessSpec(argv=("python3", "-c", script), resources=limits))
        assert finished.failure is not None
        assert finished.failure.kind == FailureKind.OUT_OF_MEMORY, finished.failure
        assert "96 MiB" in finished.failure.message
        assert (await scene.run(ProcessSpec(argv=("true",), resources=Resources(memory_limit_bytes=96 << 20)), "next")).failure is None
    assert left_groups() == []


def left_groups() -> list[Path]:
    return [path for path in Path("/sys/fs/cgroup").glob("**/penstock-tasks/next-*") if path.is_dir()]
