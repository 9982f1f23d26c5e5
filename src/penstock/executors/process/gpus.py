"""GPUs of this machine and the processes that use them, as `nvidia-smi` tells; without that program on PATH there are none.

Its query options print a line of comma-separated values for each thing, memory in MiB, and a word in brackets for what a device does not
tell (`[N/A]`, `[Not Supported]`); that counts as nothing here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.interfaces.system_status import GpuItem

_PROGRAM = "nvidia-smi"
_FORMAT = "--format=csv,noheader,nounits"
_DEVICES = "--query-gpu=index,uuid,memory.total,memory.used,utilization.gpu,name"
_PROCESSES = "--query-compute-apps=pid,gpu_uuid,used_gpu_memory"
_MOST_SECONDS = 10.0
_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process on one GPU."""

    pid: int
    uuid: str
    memory_bytes: int


def program() -> str | None:
    """Return where `nvidia-smi` is, None where it is not."""
    return shutil.which(_PROGRAM)


def devices() -> Sequence[GpuItem]:
    """Return the GPUs now; none when they cannot be asked. Takes as long as the program: call it in a thread."""
    return [
        GpuItem(name, uuid, total * _MEBIBYTE, used * _MEBIBYTE, busy)
        for _, uuid, *numbers, name in _lines(_DEVICES, 6)
        for total, used, busy in [map(_number, numbers)]
    ]


def processes() -> Sequence[GpuProcess]:
    """Return the processes that compute on GPUs, once for each GPU. The same holds as for `devices`."""
    return [GpuProcess(_number(pid), uuid, _number(memory) * _MEBIBYTE) for pid, uuid, memory in _lines(_PROCESSES, 3)]


def _lines(query: str, columns: int) -> list[list[str]]:
    found = program()
    if found is None:
        return []
    try:
        done = subprocess.run(
            [found, query, _FORMAT],
            check=True,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_MOST_SECONDS,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):  # no driver, or one that hangs
        return []
    rows = ([word.strip() for word in line.split(",", columns - 1)] for line in done.stdout.splitlines())
    return [row for row in rows if len(row) == columns]


def _number(word: str) -> int:
    return int(word) if word.isascii() and word.isdigit() else 0
