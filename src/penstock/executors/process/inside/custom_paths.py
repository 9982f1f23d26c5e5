"""Brings artifacts home that a Python component wrote elsewhere (`custom_path`), while the task can still reach them.

What is below `/tmp`, below the short stand-in for TMPDIR or on a mount is gone or not to be trusted once the task has ended, so that the
task itself copies it, with its own rights, into its attempt. Paths inside of the attempt are only spelled out.
"""

from __future__ import annotations

import json
import os
from typing import Any

_FOLDER = "outputs/custom"


def bring_home(executor_input: str, root: str) -> None:
    """Rewrite the executor output file of the attempt at `root` so that every custom path in it is one of the attempt.

    Where nothing is, the path stays as the component gave it.

    Raises:
        OSError: a file cannot be read or copied.
    """
    try:
        place = json.loads(executor_input)["outputs"]["outputFile"]
        with open(place, encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError, LookupError, TypeError):
        return  # a component that told nothing about its artifacts
    if '"custom_path"' not in text:
        return
    document = json.loads(text)
    for number, artifact in enumerate(_artifacts(document)):
        if artifact.get("custom_path"):
            artifact["custom_path"] = _home(str(artifact["custom_path"]), f"{root}/{_FOLDER}/{number}", root)
    with open(place, "w", encoding="utf-8") as file:
        json.dump(document, file)


def _artifacts(document: Any) -> list[dict[str, Any]]:
    """Artifacts of an executor output; what has another form is for the server to refuse."""
    groups = document.get("artifacts") if isinstance(document, dict) else None
    lists = [group.get("artifacts") for group in groups.values() if isinstance(group, dict)] if isinstance(groups, dict) else []
    return [item for listed in lists if isinstance(listed, list) for item in listed if isinstance(item, dict)]


def _home(path: str, target: str, root: str) -> str:
    import shutil  # noqa: PLC0415  few components need it

    real = os.path.realpath(path)
    if not os.path.lexists(path):
        return path
    if real.startswith(f"{root}/"):
        return real
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(real):
        shutil.copytree(real, target, symlinks=True)
    else:
        shutil.copyfile(real, target)
    return target
