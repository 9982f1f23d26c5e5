"""Where Kubernetes would place a task: node selectors, tolerations, affinity.

One machine has no choice of nodes, so these are shown as warnings; components with a task config get them as data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.spec.kfp.runtime.pod_config import Entry, PodConfig
from penstock.spec.values import text_of


def node_selector(config: PodConfig) -> dict[str, str]:
    """Return the labels a node has to have; the parameter wins over the plain labels."""
    entry = config.entry("nodeSelector")
    value = entry.parameter("nodeSelectorJson") if entry.data.get("nodeSelectorJson") else entry.data.get("labels")
    return {str(key): text_of(item) for key, item in value.items()} if isinstance(value, Mapping) else {}


def tolerations(config: PodConfig) -> list[dict[str, Any]]:
    """Return tolerations in Kubernetes shape; a parameter may hold one or a list."""
    return _collected(config, "tolerations", "tolerationJson", _toleration)


def affinity(config: PodConfig) -> dict[str, Any]:
    """Return the affinity in Kubernetes shape; empty when none is asked for."""
    nodes = _collected(config, "nodeAffinity", "nodeAffinityJson", _node_term)
    result: dict[str, Any] = {}
    for term in nodes:
        result.setdefault("nodeAffinity", {}).update(term)
    for entry in config.entries("podAffinity"):
        kind = "podAntiAffinity" if entry.data.get("anti") else "podAffinity"
        required = result.setdefault(kind, {}).setdefault("requiredDuringSchedulingIgnoredDuringExecution", [])
        required.append({key: value for key, value in entry.data.items() if key != "anti"})
    return result


def _toleration(entry: Entry) -> dict[str, Any]:
    seconds = entry.data.get("tolerationSeconds")  # an int64, so text in the definition; Kubernetes has a number
    return dict(entry.data) if seconds is None else {**entry.data, "tolerationSeconds": int(seconds)}


def _node_term(entry: Entry) -> dict[str, Any]:
    term = {key: entry.data[key] for key in ("matchExpressions", "matchFields") if entry.data.get(key)}
    weight = entry.data.get("weight")
    if weight:
        return {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": weight, "preference": term}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}


def _collected(config: PodConfig, key: str, parameter: str, plain: Any) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = []
    for entry in config.entries(key):
        if entry.data.get(parameter):
            value = entry.parameter(parameter)
            found = value if isinstance(value, list) else [value]
            result.extend(dict(item) for item in found if isinstance(item, Mapping))
        else:
            result.append(plain(entry))
    return result


def scheduling_warnings(config: PodConfig) -> Iterator[str]:
    """Yield one sentence for each kind of wish that one machine cannot honour."""
    selector = node_selector(config)
    if selector:
        yield f"Node selector {_pairs(selector)} is ignored: all tasks run on this machine."
    if tolerations(config):
        yield "Tolerations are ignored: all tasks run on this machine."
    if affinity(config):
        yield "Affinity is ignored: all tasks run on this machine."
    if config.data.get("imagePullPolicy") or config.data.get("imagePullSecret"):
        yield "Image pull settings are ignored: tasks run as processes and no image is pulled."
    context = config.entry("securityContext").data
    if context:
        yield f"Security context {_pairs(context)} is ignored: the task runs as the user of the server."
    shared = config.entry("enabledSharedMemory")
    if shared.text("size"):
        yield f"Shared memory of {shared.text('size')} is not reserved: the task uses the /dev/shm of this machine."


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={text_of(value)}" for key, value in values.items())
