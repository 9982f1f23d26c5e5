"""Drawings of system metrics: what the client samples of the machine, in the words of the W&B app, with units.

Semantics: names of the keys as clients 0.16 to 0.31 send them; a key that has no words here shows as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from penstock.domain.natural_order import natural_key
from penstock.web.lists.key_columns import flat
from penstock.web.tracking.chart_panels import ChartPanel
from penstock.web.tracking.documents import read_document

_DEEPEST = 20
"""Objects within each other in which numbers are looked for."""
_LANE = re.compile(r"\.\d+\.")
"""Number of a device or process within a system metric."""
_WRITER = re.compile(r"/l:[^/]*$")
"""Label of the process at the end of a system metric, in runs that several write (shared mode)."""
WORDS: Mapping[str, tuple[str, str]] = {
    "cpu": ("Process CPU Utilization", "%"),
    "cpu.*.cpu_percent": ("System CPU Utilization (per core)", "%"),
    "cpu.avg_temp": ("CPU Temperature", "°C"),
    "cpu.powerWatts": ("CPU Power Usage", "W"),
    "proc.cpu.threads": ("Process CPU Threads In Use", ""),
    "memory": ("System Memory Utilization", "%"),
    "memory_percent": ("System Memory Utilization", "%"),
    "memory.used": ("System Memory Used", "B"),
    "memory.used_percent": ("System Memory Utilization", "%"),
    "swap.used": ("Swap Used", "B"),
    "swap.used_percent": ("Swap Utilization", "%"),
    "proc.memory.rssMB": ("Process Memory In Use", "MB"),
    "proc.memory.percent": ("Process Memory In Use", "%"),
    "proc.memory.availableMB": ("System Memory Available", "MB"),
    "disk": ("Disk Utilization", "%"),
    "disk.usagePercent": ("Disk Utilization", "%"),
    "disk.usageGB": ("Disk Utilization", "GB"),
    "disk.in": ("Disk Read", "MB"),
    "disk.out": ("Disk Written", "MB"),
    "network.sent": ("Network Sent", "B"),
    "network.recv": ("Network Received", "B"),
    "gpu.*.gpu": ("GPU Utilization", "%"),
    "gpu.*.memory": ("GPU Time Spent Accessing Memory", "%"),
    "gpu.*.memoryAllocated": ("GPU Memory Allocated", "%"),
    "gpu.*.memoryAllocatedBytes": ("GPU Memory Allocated", "B"),
    "gpu.*.memoryUsed": ("GPU Memory Used", "B"),
    "gpu.*.temp": ("GPU Temperature", "°C"),
    "gpu.*.powerWatts": ("GPU Power Usage", "W"),
    "gpu.*.powerPercent": ("GPU Power Usage", "%"),
    "gpu.*.enforcedPowerLimitWatts": ("GPU Enforced Power Limit", "W"),
    "gpu.*.smClock": ("GPU Streaming Multiprocessor Clock", "MHz"),
    "gpu.*.memoryClock": ("GPU Memory Clock", "MHz"),
    "gpu.*.graphicsClock": ("GPU Graphics Clock", "MHz"),
    "gpu.*.correctedMemoryErrors": ("GPU Corrected Memory Errors", ""),
    "gpu.*.uncorrectedMemoryErrors": ("GPU Uncorrected Memory Errors", ""),
    "gpu.*.encoderUtilization": ("GPU Encoder Utilization", "%"),
    "gpu.*.fanSpeed": ("GPU Fan Speed", "%"),
}
"""Key without `system.`, `*` for the number of a device -> what it measures, and its unit. `gpu.process.`: of the program."""
OF_PROCESS = "{metric} of the process"
_DISK = re.compile(r"^disk\.(?P<place>.+)\.(?P<measure>usagePercent|usageGB|in|out)$")
_GPU_PROCESS = "gpu.process."


@dataclass(frozen=True, slots=True)
class SystemPanel(ChartPanel):
    """A drawing of a system metric: `system.cpu.0.util` stands under `cpu`."""

    @property
    def section(self) -> str:
        """What is measured: `cpu`, `memory`, `disk`, ..."""
        return self._name.partition(".")[0].partition("_")[0]

    @property
    def title(self) -> str:
        """Key without the prefix that all have."""
        return self.key.removeprefix("system.")

    def words(self, translate: Callable[[str], str]) -> str:
        """Return what is measured in the reader's language, with the unit; the title where nobody knows."""
        name, place = self._name, ""
        if (disk := _DISK.match(name)) is not None:
            name, place = f"disk.{disk['measure']}", disk["place"].replace("\\", "/")
        is_of_process = name.startswith(_GPU_PROCESS)
        known = WORDS.get(name.replace(_GPU_PROCESS, "gpu.", 1) if is_of_process else name)
        if known is None:
            return self.title
        words, unit = translate(known[0]), known[1]
        if is_of_process:
            words = translate(OF_PROCESS).replace("{metric}", words)
        return " ".join(part for part in (words, place, f"({unit})" if unit else "") if part)

    @property
    def _name(self) -> str:
        """The title with a star for each device, and without the process that reported it."""
        return _LANE.sub(".*.", _WRITER.sub("", self.title))


def system_panels(rows: Iterable[str]) -> list[SystemPanel]:
    """Return a drawing for every number in some rows of system metrics; devices and processes of a kind share one, a lane each."""
    documents = [read_document(row) for row in rows]
    values = (entry for row in documents for entry in flat(row, depth=_DEEPEST))
    keys = {key for key, value in values if isinstance(value, int | float) and not isinstance(value, bool)}
    lanes: dict[str, list[str]] = {}
    for key in sorted((key for key in keys if not key.startswith("_")), key=natural_key):
        lanes.setdefault(_LANE.sub(".*.", _WRITER.sub("", key)), []).append(key)
    return [SystemPanel(name if len(held) > 1 else held[0], "line", lanes=held if len(held) > 1 else ()) for name, held in lanes.items()]
