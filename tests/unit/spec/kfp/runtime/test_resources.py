from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import TaskError
from penstock.domain.execution import Resources
from penstock.spec.kfp.runtime.resources import parse_quantity, resolve_resources
from tests.unit.spec.kfp.ir import container
from tests.unit.spec.kfp.runtime.attempts import leaf, prepare, request


def resolve(compiled: dict[str, Any]) -> Resources:
    return resolve_resources(compiled, lambda text: text.replace("{{cpu}}", "250m"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", 0.5),
        ("2", 2),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000),
        ("1Ki", 1024),
        ("2Gi", 2**31),
        ("1G", 10**9),
        ("3M", 3e6),
        ("1E", 1e18),
    ],
)
def test_kubernetes_quantities(text: str, number: float) -> None:
    assert parse_quantity(text) == number


def test_strings_win_over_doubles_and_doubles_of_memory_are_gigabytes() -> None:
    assert resolve({"cpuLimit": 2.0, "memoryLimit": 0.5}) == Resources(cpu_limit=2.0, memory_limit_bytes=500_000_000)
    assert resolve({"cpuLimit": 2.0, "resourceCpuLimit": "{{cpu}}", "memoryRequest": 1.0, "resourceMemoryRequest": "1Gi"}) == Resources(
        cpu_limit=0.25, memory_request_bytes=2**30
    )


def test_unset_and_empty_values_ask_for_nothing() -> None:
    assert resolve({}) == resolve({"cpuLimit": 0.0, "resourceCpuLimit": "", "resourceMemoryLimit": None}) == Resources()


def test_accelerators_come_in_both_spellings() -> None:
    assert resolve({"accelerator": {"type": "nvidia.com/gpu", "count": "2"}}) == Resources(
        accelerator_type="nvidia.com/gpu", accelerator_count=2
    )
    assert resolve({"accelerator": {"resourceType": "gpu", "resourceCount": "1", "type": "old", "count": "9"}}) == Resources(
        accelerator_type="gpu", accelerator_count=1
    )


def test_a_count_of_zero_asks_for_no_accelerator() -> None:
    for accelerator in ({"type": "gpu", "resourceCount": "0"}, {"type": "gpu", "count": "0"}):
        assert resolve({"accelerator": accelerator}).accelerator_count == 0
    assert resolve({"accelerator": {"type": "gpu"}}).accelerator_count == 1


def test_what_is_no_quantity_fails_the_task() -> None:
    with pytest.raises(TaskError, match="resourceCpuLimit: 'lots' is not a quantity"):
        resolve({"resourceCpuLimit": "lots"})


def test_a_task_with_an_accelerator_starts_cold() -> None:
    executor = container(resources={"accelerator": {"type": "nvidia.com/gpu", "count": "1"}})

    assert prepare(request(leaf(executor=executor))).needs_cold_start
    assert not prepare(request(leaf())).needs_cold_start
