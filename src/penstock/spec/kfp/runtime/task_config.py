"""Task config: settings of a task that its component receives as data, and may want instead of having them applied.

Semantics: kfp protocol notes, section 4.13. A listed field is passed to the code; it is applied to the task too only with
`applyToTask`. Fields that are not listed are applied as usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.execution import LaunchRequest
from penstock.domain.plan import ContainerWork, ParameterType
from penstock.spec.kfp.runtime.commands import Resolver
from penstock.spec.kfp.runtime.pod_config import PodConfig
from penstock.spec.kfp.runtime.scheduling import affinity, node_selector, tolerations
from penstock.spec.values import text_of

RESOURCES = "RESOURCES"
ENV = "ENV"
TOLERATIONS = "KUBERNETES_TOLERATIONS"
NODE_SELECTOR = "KUBERNETES_NODE_SELECTOR"
AFFINITY = "KUBERNETES_AFFINITY"
VOLUMES = "KUBERNETES_VOLUMES"
_WORKSPACE = "kfp-workspace"
_PLATFORM_FIELDS: Mapping[str, tuple[str, ...]] = {
    TOLERATIONS: ("tolerations",),
    NODE_SELECTOR: ("nodeSelector",),
    AFFINITY: ("nodeAffinity", "podAffinity"),
    VOLUMES: ("pvcMount", "secretAsVolume", "configMapAsVolume", "genericEphemeralVolume", "emptyDirMounts"),
    ENV: ("secretAsEnv", "configMapAsEnv", "fieldPathAsEnv"),
}


@dataclass(frozen=True, slots=True)
class Passthroughs:
    """Which settings go to the code, and which of them to the task as well."""

    applied: Mapping[str, bool]
    """Listed fields; the value says whether the task gets it too."""

    @classmethod
    def of(cls, request: LaunchRequest) -> Passthroughs:
        """Return what the component lists."""
        listed = request.template.extra.get("task_config_passthroughs", ())
        return cls({text_of(item.get("field")): item.get("applyToTask") is True for item in listed})

    def applies(self, field: str) -> bool:
        """Whether the task itself gets the setting."""
        return self.applied.get(field, True)

    def platform(self, platform: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the Kubernetes configuration without what is only passed on."""
        dropped = {key for field, keys in _PLATFORM_FIELDS.items() if not self.applies(field) for key in keys}
        return {key: value for key, value in platform.items() if key not in dropped}


def injected_task_config(request: LaunchRequest, work: ContainerWork, config: PodConfig, resolver: Resolver) -> dict[str, Any]:
    """Return the value of the component's TASK_CONFIG input by its name; empty when it declares none or was given one.

    Values are those of the task with placeholders resolved, in the shapes of the Kubernetes API; parts that are empty are left out.
    """
    name = next((spec.name for spec in request.template.parameters.values() if spec.type is ParameterType.TASK_CONFIG), None)
    if name is None or request.parameters.get(name) is not None:
        return {}
    listed = Passthroughs.of(request).applied
    volumes, mounts = _volumes(config, _workspace_claim(request, resolver))
    parts: dict[str, tuple[str, Any]] = {
        "resources": (RESOURCES, _resources(work.resources, resolver)),
        "env": (ENV, _env(work, config, resolver)),
        "tolerations": (TOLERATIONS, tolerations(config)),
        "nodeSelector": (NODE_SELECTOR, node_selector(config)),
        "affinity": (AFFINITY, affinity(config)),
        "volumes": (VOLUMES, volumes),
        "volumeMounts": (VOLUMES, mounts),
    }
    return {name: {key: value for key, (field, value) in parts.items() if field in listed and value}}


def _resources(compiled: Mapping[str, Any], resolver: Resolver) -> dict[str, Any]:
    result: dict[str, dict[str, str]] = {}
    for group, suffix in (("limits", "Limit"), ("requests", "Request")):
        for kind, word in (("cpu", "Cpu"), ("memory", "Memory")):
            text = compiled.get(f"resource{word}{suffix}")
            number = compiled.get(f"{kind}{suffix}")
            if text:
                result.setdefault(group, {})[kind] = resolver.text(text_of(text))
            elif number:
                result.setdefault(group, {})[kind] = f"{text_of(number)}{'G' if kind == 'memory' else ''}"
    accelerator = compiled.get("accelerator")
    if isinstance(accelerator, Mapping):
        kind = resolver.text(text_of(accelerator.get("resourceType") or accelerator.get("type")))
        count = resolver.text(text_of(accelerator.get("resourceCount") or accelerator.get("count")))
        if kind and count:
            result.setdefault("limits", {})[kind] = count
    return result


def _env(work: ContainerWork, config: PodConfig, resolver: Resolver) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = [{"name": name, "value": resolver.text(text_of(value))} for name, value in work.env]
    for prefix, reference in (("secret", "secretKeyRef"), ("configMap", "configMapKeyRef")):
        for entry in config.entries(f"{prefix}AsEnv"):
            name = entry.resolved(f"{prefix}Name")
            if name:
                result.extend(
                    {
                        "name": item.text("envVar"),
                        "valueFrom": {reference: {"name": text_of(name), "key": item.text(f"{prefix}Key"), "optional": entry.is_optional}},
                    }
                    for item in entry.children("keyToEnv")
                )
    result.extend(
        {"name": entry.text("name"), "valueFrom": {"fieldRef": {"fieldPath": entry.text("fieldPath")}}}
        for entry in config.entries("fieldPathAsEnv")
    )
    return result


def _workspace_claim(request: LaunchRequest, resolver: Resolver) -> str:
    """Return the name of the claim behind the run's workspace, as in a cluster; empty when no input leads there."""
    path = resolver.fact("workspace")
    inputs = resolver.prepared.document["inputs"]
    uris = (artifact["uri"] for group in inputs["artifacts"].values() for artifact in group["artifacts"])
    is_used = any(path in text_of(value) for value in inputs["parameterValues"].values()) or any(uri.startswith(path) for uri in uris)
    return f"{request.run.resource_name}-{_WORKSPACE}" if is_used else ""


def _volumes(config: PodConfig, workspace_claim: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []

    def add(name: str, source: dict[str, Any], target: str, sub_path: str = "") -> None:
        if not any(volume["name"] == name for volume in volumes):
            volumes.append({"name": name, **source})
        mounts.append({"name": name, "mountPath": target, **({"subPath": sub_path} if sub_path else {})})

    if workspace_claim:
        add(_WORKSPACE, {"persistentVolumeClaim": {"claimName": workspace_claim}}, f"/{_WORKSPACE}")
    for entry in config.entries("pvcMount"):
        claim = entry.resolved("pvcName") or entry.own() or entry.data.get("constant")
        if claim:
            add(text_of(claim), {"persistentVolumeClaim": {"claimName": text_of(claim)}}, entry.text("mountPath"), entry.text("subPath"))
    for prefix, source, field in (("secret", "secret", "secretName"), ("configMap", "configMap", "name")):
        for entry in config.entries(f"{prefix}AsVolume"):
            name = entry.resolved(f"{prefix}Name")
            if name:
                body = {field: text_of(name), "optional": entry.is_optional}
                add(text_of(name), {source: body}, entry.text("mountPath"))
    for entry in config.entries("emptyDirMounts"):
        body = {key: entry.data[key] for key in ("medium", "sizeLimit") if entry.data.get(key)}
        add(entry.text("volumeName"), {"emptyDir": body}, entry.text("mountPath"))
    for entry in config.entries("genericEphemeralVolume"):
        claim_spec = {
            "accessModes": entry.data.get("accessModes", []),
            "resources": {"requests": {"storage": entry.text("size")}},
            **({"storageClassName": entry.text("storageClassName")} if entry.text("storageClassName") else {}),
        }
        add(entry.text("volumeName"), {"ephemeral": {"volumeClaimTemplate": {"spec": claim_spec}}}, entry.text("mountPath"))
    return volumes, mounts
