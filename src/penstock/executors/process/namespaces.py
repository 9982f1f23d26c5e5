"""Whether this host lets a task have mounts of its own; asked once when the server starts, by trying."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from penstock.executors.process.warm import BOOT, CODE_ARGUMENTS

_TRY = """
import ctypes, os
from penstock.executors.process.inside import namespace
source, root = arguments
namespace.enter([{"source": source, "target": "/penstock-probe/here"}], root, ctypes.CDLL(None, use_errno=True))
with open("/penstock-probe/here/file") as file:
    print(file.read())
"""
_WORD = "visible"


def probe() -> bool:
    """Return whether literal absolute paths work by bind mounts (`inside.namespace`).

    Blocks for some 50 ms; the host stays as it is.
    """
    with tempfile.TemporaryDirectory(prefix="penstock-probe-") as name:
        source, root = Path(name, "source"), Path(name, "root")
        source.mkdir()
        root.mkdir()
        (source / "file").write_text(_WORD, encoding="utf-8")
        command = [sys.executable, "-I", "-c", BOOT + _TRY, *CODE_ARGUMENTS, str(source), str(root)]
        try:
            answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
    return answer.stdout.strip() == _WORD
