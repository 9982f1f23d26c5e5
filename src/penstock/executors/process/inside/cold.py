"""Runs a Python component in an interpreter of its own: same code as a fork of a warm parent, nothing imported ahead.

The task comes as a JSON file named by the only argument; the process already has the attempt's session, log and limits.
"""

from __future__ import annotations

import json
import os
import sys
from typing import NoReturn

from penstock.executors.process.inside import python_task


def main(path: str) -> NoReturn:
    """Run the task described by the file at `path`, which is removed first."""
    with open(path, encoding="utf-8") as file:
        task = json.load(file)
    os.unlink(path)
    sys.path[:] = [entry for entry in sys.path if entry]
    python_task.hide_ourselves()
    python_task.run(task, python_task.Preloaded())
