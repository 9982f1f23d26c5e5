"""Loaded by every Python that a command task starts: points the kfp SDK at the attempt's directories.

Found through PYTHONPATH. Whatever `sitecustomize` the interpreter would have loaded without it is loaded afterwards.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import sys
from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))


def _load(name: str, directory: str) -> Any:
    spec: Any = importlib.util.spec_from_file_location(name, os.path.join(directory, f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _apply() -> None:
    value = os.environ.get("PENSTOCK_PATH_PREFIXES")
    if value:
        _load("prefixes", os.path.dirname(_HERE)).apply_to_loaded(json.loads(value))


def _chain() -> None:
    others = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


try:
    _apply()
except Exception as error:  # a task must not fail to start because of this hook; it says so in the log instead
    sys.stderr.write(f"penstock: artifact paths could not be set up: {error}\n")
_chain()
