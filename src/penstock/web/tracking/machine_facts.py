"""What a tracked run tells of its machine and of its time, as the client wrote it into `wandb-metadata.json` and the summary.

Semantics: observed with client 0.16 to 0.31. Numbers of bytes come as numbers or as texts; accelerators as names and counts, newer clients
add a list for each maker. What is absent or of another form is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from penstock.web.texts.formats import size
from penstock.web.tracking.panel_specs import listed, mapping, text

WORDS = ("Processor", "CPU cores", "Memory", "Disk")
"""Names of facts that are translated."""
_MAKERS = ("gpu_nvidia", "gpu_amd", "gpu_intel")


def machine_of(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (message, value) of processor, memory, disk and accelerators."""
    found = [("Processor", text(mapping(metadata.get("cpu")).get("model"))), ("CPU cores", _cores(metadata))]
    found.append(("Memory", _bytes(mapping(metadata.get("memory")).get("total"))))
    disks = mapping(metadata.get("disk"))
    disk = mapping(disks.get("/") or next(iter(disks.values()), None))
    if total := _bytes(disk.get("total")):
        used = _bytes(disk.get("used"))
        found.append(("Disk", f"{used} / {total}" if used else total))
    found.append(("GPU", _accelerators(metadata)))
    return [(label, value) for label, value in found if value]


def _cores(metadata: Mapping[str, Any]) -> str:
    real, logical = metadata.get("cpu_count"), metadata.get("cpu_count_logical")
    if not isinstance(real, int):
        return ""
    return f"{real} ({logical})" if isinstance(logical, int) and logical != real else str(real)


def _accelerators(metadata: Mapping[str, Any]) -> str:
    held = [mapping(one) for maker in _MAKERS for one in listed(metadata.get(maker))]
    named = ((text(one.get("name")), _bytes(one.get("memoryTotal", one.get("memory_total")))) for one in held)
    names = Counter(" ".join(filter(None, parts)) for parts in named)
    if names:
        return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in names.items())
    apple = text(mapping(metadata.get("apple")).get("name"))
    name, count = text(metadata.get("gpu")) or apple, metadata.get("gpu_count")
    return f"{count} × {name}" if name and isinstance(count, int) and count > 1 else name


def _bytes(value: Any) -> str:
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    return size(int(value)) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else ""


def runtime_of(summary: Mapping[str, Any]) -> float | None:
    """Return the seconds that the program itself counted, without the time between resumes; None when it did not say.

    `summary` is the raw one, with the client's own keys.
    """
    values = (summary.get("_runtime"), mapping(summary.get("_wandb")).get("runtime"))
    return max((float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)), default=None)
