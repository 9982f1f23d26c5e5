"""Whether the parts of a manifest have the kinds that Argo gives them, so that what reads it may take them for that.

Only what this server reads is looked at; `null` is absent everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.domain.errors import SpecError

_TEXT = "text"
"""In place of a shape: a text that has to be there."""
_MAP: dict[str, Any] = {}
_ANY = None
_PARAMETER = {"name": _TEXT, "valueFrom": _MAP}
_ARTIFACT = {"name": _TEXT, "raw": _MAP}
_VALUES = {"parameters": [_PARAMETER], "artifacts": [_ARTIFACT]}
_CONTAINER = {
    "command": [_ANY],
    "args": [_ANY],
    "env": [{"name": _TEXT, "valueFrom": _MAP}],
    "envFrom": [_MAP],
    "volumeMounts": [_MAP],
    "resources": {"limits": _MAP, "requests": _MAP},
}
_TASK = {"name": _TEXT, "template": _TEXT, "arguments": _VALUES, "dependencies": [_ANY]}
_METADATA = {"annotations": _MAP, "labels": _MAP}
_TEMPLATE = {
    "name": _TEXT,
    "metadata": _METADATA,
    "inputs": _VALUES,
    "outputs": _VALUES,
    "dag": {"tasks": [_TASK]},
    "container": _CONTAINER,
    "initContainers": [_CONTAINER],
    "sidecars": [_CONTAINER],
    "volumes": [{"name": _TEXT}],
    "resource": _MAP,
    "retryStrategy": {"backoff": _MAP},
    "nodeSelector": _MAP,
    "tolerations": [_MAP],
}
_WORKFLOW = {
    "metadata": _METADATA,
    "spec": {"arguments": _VALUES, "templates": [_TEMPLATE], "volumes": [{"name": _TEXT}], "volumeClaimTemplates": [_MAP]},
}


def check_shape(manifest: Mapping[str, Any]) -> None:
    """Look at every part that is read.

    Raises:
        SpecError: one is of another kind; names the place.
    """
    for key, shape in _WORKFLOW.items():
        _check(manifest.get(key), shape, key)


def _check(value: Any, shape: Any, place: str) -> None:
    if value is None or shape is _ANY:
        return
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise SpecError(f"expected a list, found {_kind(value)}", place=place)
        for index, item in enumerate(value):
            if item is None and shape[0] is not _ANY:
                raise SpecError("expected an object, found null", place=f"{place}[{index}]")
            _check(item, shape[0], f"{place}[{index}]")
        return
    if not isinstance(value, Mapping):
        raise SpecError(f"expected an object, found {_kind(value)}", place=place)
    for key, inner in shape.items():
        if inner is not _TEXT:
            _check(value.get(key), inner, f"{place}.{key}")
        elif not isinstance(value.get(key), str) or not value[key]:
            raise SpecError("a text is required", place=f"{place}.{key}")


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "a text"
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float) else "a list" if isinstance(value, list) else "an object"
