"""Makes every generation of the kfp SDK map artifact URIs to this attempt's directories.

The SDKs keep the local stand-in of each URI scheme in module constants (`/gcs/`, `/minio/`, ...). Here they are pointed at private
directories once the module is loaded. SDKs before 2.5 also return no path for a plain absolute path; later ones return the path itself,
and so do all after `apply`. Observed with kfp 1.8.22, 2.0.1, 2.7.0 and 2.17.0; see tests/executors/test_both_roads.py.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

VARIABLE = "PENSTOCK_PATH_PREFIXES"
"""Environment variable that hands the prefixes to Python processes started by a command: JSON, scheme to directory."""

MODULES = ("kfp.dsl.types.artifact_types", "kfp.components.types.artifact_types", "kfp.v2.components.types.artifact_types")

_CONSTANTS = {
    "gs": "_GCS_LOCAL_MOUNT_PREFIX",
    "minio": "_MINIO_LOCAL_MOUNT_PREFIX",
    "s3": "_S3_LOCAL_MOUNT_PREFIX",
    "oci": "_OCI_LOCAL_MOUNT_PREFIX",
}


def apply(module: ModuleType, prefixes: Mapping[str, str]) -> None:
    """Set the constants of one loaded `artifact_types` module and teach its artifacts plain paths. Safe to repeat."""
    for scheme, directory in prefixes.items():
        constant = _CONSTANTS.get(scheme)
        if constant is not None and hasattr(module, constant):
            setattr(module, constant, directory.rstrip("/") + "/")
    artifact = getattr(module, "Artifact", None)
    original = getattr(artifact, "_get_path", None)
    if artifact is None or original is None or getattr(original, "knows_plain_paths", False):
        return

    def get_path(self: Any) -> str | None:
        path: str | None = original(self)
        return self.uri if path is None and self.uri.startswith("/") else path

    get_path.knows_plain_paths = True  # type: ignore[attr-defined]
    artifact._get_path = get_path  # noqa: SLF001


def apply_to_loaded(prefixes: Mapping[str, str]) -> None:
    """Apply the prefixes to every known module that is loaded, and to those loaded later."""
    if not prefixes:
        return
    for name in MODULES:
        module = sys.modules.get(name)
        if module is not None:
            apply(module, prefixes)
    sys.meta_path.insert(0, _Finder(prefixes))


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the ordinary finders find one of `MODULES` and applies the prefixes right after it was executed."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._prefixes = prefixes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in MODULES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        loader, prefixes = spec.loader, self._prefixes
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            apply(module, prefixes)

        loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
