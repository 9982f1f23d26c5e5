"""Facts of the machine of a run, as clients of several ages wrote them."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.web.tracking.machine_facts import machine_of, runtime_of


def test_a_newer_clients_machine_is_told_with_bytes_that_came_as_text() -> None:
    metadata = {
        "cpu_count": 8, "cpu_count_logical": 16, "cpu": {"model": "Epyc"}, "memory": {"total": "25276059648"},
        "disk": {"/": {"total": "2147483648", "used": "1073741824"}},
        "gpu": "NVIDIA A100", "gpu_count": 2, "gpu_nvidia": [{"name": "NVIDIA A100", "memoryTotal": "85899345920"}] * 2,
    }  # fmt: skip
    assert machine_of(metadata) == [
        ("Processor", "Epyc"), ("CPU cores", "8 (16)"), ("Memory", "23.5 GiB"), ("Disk", "1.0 GiB / 2.0 GiB"), ("GPU", "2 × NVIDIA A100 80.0 GiB"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({}, []),
        ({"gpu": "Tesla", "gpu_count": 4}, [("GPU", "4 × Tesla")]),
        ({"apple": {"name": "Apple M2"}}, [("GPU", "Apple M2")]),
        ({"cpu": "odd", "memory": [], "disk": {"/": None}, "gpu_nvidia": ["x"], "gpu_count": "many", "cpu_count": "two"}, []),
    ],
)
def test_what_is_absent_or_odd_is_left_out(metadata: dict[str, Any], told: list[tuple[str, str]]) -> None:
    assert machine_of(metadata) == told


def test_the_runtime_is_what_the_program_counted() -> None:
    assert runtime_of({"_runtime": 12.5, "_wandb": {"runtime": 12}}) == 12.5
    assert runtime_of({"_wandb": {"runtime": 7}}) == 7
    assert runtime_of({"loss": 1, "_runtime": "soon"}) is None
