"""Charts of what an attempt used: figures and lines from samples."""

from __future__ import annotations

import pytest

from penstock.web.runs.usage_charts import HEIGHT, WIDTH, gpu_charts, usage_charts

SAMPLES = [(1000, 0, 100), (2000, 2000, 300), (4000, 4000, 300)]


def test_cpu_is_a_share_of_what_was_asked_for_and_memory_has_its_limit() -> None:
    cpu, memory = usage_charts(SAMPLES, {"cpu_request": 2.0, "cpu_limit": 4.0, "memory_limit_bytes": 600, "memory_request_bytes": 200})
    assert (cpu.peak, cpu.mark, cpu.mark_key, cpu.mark_y) == (1.0, 2.0, "cpu_request", 0.0)
    assert cpu.mean == pytest.approx(2 / 3)
    assert cpu.points == f"0,0 80,0 {WIDTH},{HEIGHT / 2:g}"
    assert (memory.peak, memory.mark, memory.mark_key, memory.mark_y) == (300, 600.0, "memory_limit_bytes", 0.0)
    assert memory.mean == pytest.approx(800 / 3)
    assert memory.points == "0,30 80,18 240,18"


def test_without_a_wish_cpu_is_a_share_of_one_core_and_memory_has_no_line() -> None:
    cpu, memory = usage_charts(SAMPLES, {})
    assert (cpu.peak, cpu.mark, cpu.mark_key, cpu.mark_y) == (2.0, 1.0, "", HEIGHT / 2)
    assert (memory.mark, memory.mark_y) == (None, None)


@pytest.mark.parametrize("samples", [[], SAMPLES[:1]])
def test_one_sample_is_no_course(samples: list[tuple[int, int, int]]) -> None:
    assert usage_charts(samples, {}) == ()


def test_a_short_peak_among_many_samples_is_drawn() -> None:
    samples = [(1000 * second, 0, 5000 if second == 3001 else 10) for second in range(1, 9000)]
    _, memory = usage_charts(samples, {})
    points = [tuple(map(float, point.split(","))) for point in memory.points.split()]
    assert len(points) <= 121
    assert min(y for _, y in points) == 0
    assert memory.peak == 5000


def test_gpus_are_a_share_of_those_asked_for() -> None:
    samples = [(1000, 2000, 100), (2000, 1000, 300), (4000, 1000, 300)]
    gpu, memory = gpu_charts(samples, {"accelerator_count": 2})
    assert (gpu.kind, gpu.peak, gpu.mark, gpu.mark_key) == ("gpu", 1.0, 2.0, "accelerator_count")
    assert gpu.mean == pytest.approx((0.75 + 0.5 * 2) / 3)
    assert (memory.kind, memory.peak, memory.mark, memory.mark_y) == ("gpu_memory", 300, None, None)
    assert gpu_charts(samples, {})[0].peak == 2.0
    assert gpu_charts(samples[:1], {}) == ()
