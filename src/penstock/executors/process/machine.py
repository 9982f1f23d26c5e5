"""What this machine offers to tasks."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.executors.process.slots import Capacity


def machine_capacity(*, slots: int, cpus: float = 0.0, memory_bytes: int = 0, accelerators: int = -1) -> Capacity:
    """Return what tasks may use; zero (accelerators: -1) stands for what this machine has."""
    return Capacity(
        slots=max(2, slots),
        cpus=cpus or float(os.cpu_count() or 1),
        memory_bytes=memory_bytes or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        accelerators=accelerators if accelerators >= 0 else _count_accelerators(),
    )


def _count_accelerators() -> int:
    return len([device for device in Path("/dev").glob("nvidia[0-9]*") if device.name[6:].isdigit()])
