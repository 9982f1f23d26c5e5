"""Parts of a leaf's cache fingerprint that do not depend on its inputs.

Each part is a digest of its own, so that a miss can say which one changed. Upstream's fingerprint has image, raw command and
arguments, and the declared outputs (kfp protocol notes, section 7); environment variables and the names of secrets, config maps and
volumes are added because they change results. Resources, retries, names and scheduling hints do not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from penstock.domain.plan import ContainerWork
from penstock.spec.kfp.definitions import INPUTS, OUTPUTS
from penstock.spec.kfp.section import Section

_PLATFORM_KEYS = (
    "secretAsEnv",
    "secretAsVolume",
    "configMapAsEnv",
    "configMapAsVolume",
    "pvcMount",
    "genericEphemeralVolume",
    "emptyDirMounts",
    "fieldPathAsEnv",
    "podMetadata",
    "initContainers",
)


def container_identity(work: ContainerWork, component: Section) -> dict[str, str]:
    """Return the digests `code`, `image`, `options` and `outputs` of a container component."""
    options: dict[str, Any] = {"env": work.env}
    options.update({key: work.platform[key] for key in _PLATFORM_KEYS if work.platform.get(key)})
    return {
        "code": digest({"command": work.command, "args": work.args, "defaults": _defaults(component)}),
        "image": digest(work.image),
        "options": digest(options),
        "outputs": digest(_without_descriptions(component.section(OUTPUTS).data)),
    }


def _defaults(component: Section) -> dict[str, Any]:
    """Return default values: the fingerprint's inputs are those that were bound, so a changed default is a change of code."""
    definitions = component.section(INPUTS).sections("parameters")
    return {name: definition.data["defaultValue"] for name, definition in definitions if "defaultValue" in definition}


def digest(value: Any) -> str:
    """Return a hex digest of a JSON value; equal values give equal digests whatever the order of their keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _without_descriptions(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_descriptions(item) for key, item in value.items() if key != "description" or isinstance(item, Mapping)}
    return value
