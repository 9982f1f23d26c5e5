"""Results of a benchmark: collected as rows, printed as they come, put between markers into benchmarks/README.md."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

_PAGE = Path(__file__).with_name("README.md")


@dataclass
class Report:
    """The table of one benchmark."""

    name: str
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    load_at_first: float = field(default_factory=lambda: os.getloadavg()[0])

    def add(self, what: str, measured: str, target: str = "") -> None:
        """Add and print a row."""
        self.rows.append((what, measured, target))
        print(f"{what:<90} {measured:>26}   {target}", flush=True)

    def save(self) -> None:
        """Replace this benchmark's section in the page."""
        machine = f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
        load = f"load average {self.load_at_first:.1f} at the start, {os.getloadavg()[0]:.1f} at the end"
        lines = [f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine}; {load}.", "", "| What | Measured | Target |", "|---|---|---|"]
        lines += [f"| {what} | {measured} | {target} |" for what, measured, target in self.rows]
        begin, end = f"<!-- {self.name} -->", f"<!-- /{self.name} -->"
        text = _PAGE.read_text(encoding="utf-8")
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        _PAGE.write_text(before + begin + "\n" + "\n".join(lines) + "\n" + end + after, encoding="utf-8")
