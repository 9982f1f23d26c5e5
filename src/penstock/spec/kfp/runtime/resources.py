"""Requested and allowed resources of a container: doubles, Kubernetes quantities, placeholders.

Semantics: kfp protocol notes, section 4.10. Strings win over doubles; doubles of memory are in GB of 10^9 bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from penstock.domain.errors import TaskError
from penstock.domain.execution import FailureKind, Resources

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(n|u|m|k|K|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?B?")
_FACTORS = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip
_GB = 10**9


def parse_quantity(text: str) -> float:
    """Return the number a Kubernetes quantity stands for (`500m`, `1.5`, `2Gi`, `1e3`).

    Raises:
        ValueError: it is not a quantity.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a quantity such as 500m or 2Gi")
    return float(match.group(1)) * _FACTORS.get(match.group(2) or "", 1)


def resolve_resources(compiled: Mapping[str, Any], text: Callable[[str], str]) -> Resources:
    """Return the resources of a container; `text` resolves the placeholders of a string.

    Raises:
        TaskError: a value is not a quantity (kind INPUT).
    """
    cpu_request = _amount(compiled, "resourceCpuRequest", "cpuRequest", text, 1)
    cpu_limit = _amount(compiled, "resourceCpuLimit", "cpuLimit", text, 1)
    memory_request = _amount(compiled, "resourceMemoryRequest", "memoryRequest", text, _GB)
    memory_limit = _amount(compiled, "resourceMemoryLimit", "memoryLimit", text, _GB)
    accelerator = compiled.get("accelerator")
    if not isinstance(accelerator, Mapping):
        accelerator = {}
    kind = text(str(accelerator.get("resourceType") or accelerator.get("type") or ""))
    count = _amount(accelerator, "resourceCount", "count", text, 1)
    return Resources(
        cpu_request=cpu_request,
        cpu_limit=cpu_limit,
        memory_request_bytes=None if memory_request is None else math.ceil(memory_request),
        memory_limit_bytes=None if memory_limit is None else math.ceil(memory_limit),
        accelerator_type=kind or None,
        accelerator_count=int(count) if count else int(bool(kind) and not _is_zero(accelerator, text)),
    )


def _is_zero(accelerator: Mapping[str, Any], text: Callable[[str], str]) -> bool:
    """Whether the count is written and is none: a pipeline parameter that switches the accelerator off."""
    written = [accelerator[key] for key in ("resourceCount", "count") if accelerator.get(key) not in (None, "")]
    return bool(written) and text(str(written[0])).strip() in {"0", "0.0"}


def _amount(compiled: Mapping[str, Any], name: str, old_name: str, text: Callable[[str], str], unit: int) -> float | None:
    for key, factor in ((name, 1), (old_name, unit)):
        value = compiled.get(key)
        if value is None or value == "":
            continue
        if isinstance(value, str):
            resolved = text(value)
            if not resolved:
                continue
            try:
                amount = parse_quantity(resolved) * (factor if key == old_name else 1)
            except ValueError as error:
                raise TaskError(f"resource {key}: {error}", kind=FailureKind.INPUT) from None
        else:
            amount = float(value) * factor
        if amount > 0:
            return amount
    return None
