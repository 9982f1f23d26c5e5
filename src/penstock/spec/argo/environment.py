"""Environment variables and mounts of an Argo container, from manifest to what an executor provides.

Semantics: kfp 1.8 protocol notes, sections 4.2 and 4.4. Everything that a process cannot have becomes a warning sentence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.errors import TaskError
from penstock.domain.execution import FailureKind, Mount
from penstock.interfaces.dialect import SecretLookup
from penstock.spec.quantities import parse_cpu, parse_memory
from penstock.spec.stored import missing, no_key

_LABEL = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")
_VARIABLE = re.compile(r"\$\$\(|\$\(([A-Za-z_][\w.-]*)\)")


@dataclass(slots=True)
class ContainerEnvironment:
    """Variables of a container, plain and secret, in manifest order."""

    plain: dict[str, str] = field(default_factory=dict)
    secret: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def expand(self, text: str) -> str:
        """Replace `$(NAME)` by the variable's value; unknown names stay, `$$(` is an escape (Kubernetes rule)."""

        def swap(match: re.Match[str]) -> str:
            name = match.group(1)
            if name is None:
                return "$("
            return self.secret.get(name, self.plain.get(name, match.group(0)))

        return _VARIABLE.sub(swap, text) if "$" in text else text


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What field references may ask for."""

    name: str
    uid: str
    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    def field(self, path: str) -> str | None:
        """Value of a `fieldRef`, empty text for a missing label, None for a path that has no meaning here."""
        match = _LABEL.fullmatch(path)
        if match:
            return (self.labels if match.group(1) == "labels" else self.annotations).get(match.group(2), "")
        known = {
            "metadata.name": self.name,
            "metadata.uid": self.uid,
            "metadata.namespace": self.namespace,
            "spec.nodeName": "localhost",
            "spec.serviceAccountName": "pipeline-runner",
            "status.podIP": "127.0.0.1",
            "status.hostIP": "127.0.0.1",
        }
        return known.get(path)


def container_environment(container: Mapping[str, Any], pod: PodFacts, secrets: SecretLookup) -> ContainerEnvironment:
    """Resolve `env` and `envFrom`.

    Raises:
        TaskError: a secret or config map that is not optional does not exist here (kind START).
    """
    found = ContainerEnvironment()
    for item in container.get("envFrom") or ():
        _add_all(found, item, secrets)
    for item in container.get("env") or ():
        name = str(item.get("name", ""))
        source = item.get("valueFrom")
        if not isinstance(source, Mapping):
            found.plain[name] = found.expand(str(item.get("value") if item.get("value") is not None else ""))
        elif "fieldRef" in source:
            value = pod.field(str(source["fieldRef"].get("fieldPath", "")))
            if value is None:
                found.warnings.append(
                    f"environment variable {name}: field {source['fieldRef'].get('fieldPath')!r} has no meaning here; it is empty"
                )
            found.plain[name] = value or ""
        elif "secretKeyRef" in source:
            value = _entry("secret", source["secretKeyRef"], secrets)
            if value is not None:
                found.secret[name] = value
        elif "configMapKeyRef" in source:
            value = _entry("configmap", source["configMapKeyRef"], secrets)
            if value is not None:
                found.plain[name] = value
        elif "resourceFieldRef" in source:
            found.plain[name] = _resource_field(container, source["resourceFieldRef"])
        else:
            found.warnings.append(f"environment variable {name}: source {', '.join(source)} is not supported; it is not set")
    return found


def _resource_field(container: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    """Value of `limits.cpu` and the like in units of the divisor, rounded up; `0` for what the container does not say."""
    side, _, resource = str(reference.get("resource", "")).partition(".")
    asked = ((container.get("resources") or {}).get(side) or {}).get(resource)
    parse = parse_cpu if resource == "cpu" else parse_memory
    amount, divisor = parse(asked), parse(reference.get("divisor")) or 1
    return str(math.ceil(amount / divisor)) if amount else "0"


def _add_all(found: ContainerEnvironment, item: Mapping[str, Any], secrets: SecretLookup) -> None:
    for key, kind, target in (("secretRef", "secret", found.secret), ("configMapRef", "configmap", found.plain)):
        reference = item.get(key)
        if not isinstance(reference, Mapping):
            continue
        entries = _lookup(kind, reference, secrets)
        for name, value in (entries or {}).items():
            target[f"{item.get('prefix', '')}{name}"] = value.decode("utf-8", "replace")


def _lookup(kind: str, reference: Mapping[str, Any], secrets: SecretLookup) -> Mapping[str, bytes] | None:
    name = str(reference.get("name") or reference.get("secretName") or "")
    entries = secrets.get(kind, name)
    if entries is None and not reference.get("optional"):
        raise TaskError(missing(kind, name), kind=FailureKind.START)
    return entries


def _entry(kind: str, reference: Mapping[str, Any], secrets: SecretLookup) -> str | None:
    entries = _lookup(kind, reference, secrets)
    key = str(reference.get("key", ""))
    if entries is not None and key in entries:
        return entries[key].decode("utf-8", "replace")
    if reference.get("optional"):
        return None
    raise TaskError(no_key(kind, str(reference.get("name")), key, entries or {}), kind=FailureKind.START)


def container_mounts(
    container: Mapping[str, Any],
    volumes: Sequence[Mapping[str, Any]],
    shared: PurePosixPath,
    secrets: SecretLookup,
    expand: Callable[[str], str],
) -> tuple[list[Mount], list[str]]:
    """Turn `volumeMounts` into mounts; returns them with warnings.

    Args:
        container: the container section.
        volumes: pod volumes of the template and the workflow.
        shared: directory of the attempt for volumes that live as long as the pod.
        secrets: store for secret and config-map volumes.
        expand: replaces `$(NAME)` in a `subPathExpr`.

    Raises:
        TaskError: a secret or config map that is not optional does not exist here (kind START).
    """
    by_name = {str(volume.get("name")): volume for volume in volumes}
    mounts: list[Mount] = []
    warnings: list[str] = []
    for item in container.get("volumeMounts") or ():
        target = PurePosixPath(str(item.get("mountPath", "")))
        name = str(item.get("name", ""))
        volume = by_name.get(name)
        if volume is None:
            warnings.append(f"volume {name!r} of mount {target} is not declared; an empty directory is used")
            volume = {"emptyDir": {}}
        claim = volume.get("persistentVolumeClaim") or {}
        common: dict[str, Any] = {
            "target": target,
            "sub_path": str(item.get("subPath") or expand(str(item.get("subPathExpr") or ""))),
            "read_only": bool(item.get("readOnly") or claim.get("readOnly")),
        }
        if claim:
            mounts.append(Mount(volume=str(claim.get("claimName", "")), **common))
        elif any(key in volume for key in ("secret", "configMap", "projected")):
            files, is_secret = _volume_files(name, volume, secrets, warnings)
            mounts.append(Mount(files=files, is_secret=is_secret, **common))
        elif "hostPath" in volume:
            mounts.append(Mount(source=PurePosixPath(str(volume["hostPath"].get("path", "/nonexistent"))), **common))
        else:
            warnings += _shared_volume_warnings(name, volume)
            mounts.append(Mount(source=shared / name, **common))
    return mounts, warnings


def _shared_volume_warnings(name: str, volume: Mapping[str, Any]) -> list[str]:
    kinds = ", ".join(key for key in volume if key != "name")
    if "emptyDir" not in volume:  # a volume that says nothing (the SDK's `kfp-launcher`) is an empty directory anyway
        return [f"volume {name!r} ({kinds}) is not available here; an empty directory is used"] if kinds else []
    wanted = [f"{key} {value}" for key, value in (volume["emptyDir"] or {}).items() if value]
    return [f"volume {name!r}: {', '.join(wanted)} is recorded only: it is a directory on disk without a limit"] if wanted else []


def _volume_files(name: str, volume: Mapping[str, Any], secrets: SecretLookup, warnings: list[str]) -> tuple[dict[str, bytes], bool]:
    """Files of a secret, config-map or projected volume by their path below the mount, and whether a secret is among them."""
    sources = (volume["projected"].get("sources") or ()) if "projected" in volume else (volume,)
    files: dict[str, bytes] = {}
    is_secret = False
    for source in sources:
        kind = next((kind for kind in ("secret", "configMap") if source.get(kind)), None)
        if kind is None:
            warnings.append(f"volume {name!r}: {', '.join(source)} is not available here; its files are missing")
            continue
        reference, kind = source[kind], kind.lower()
        entries = _lookup(kind, reference, secrets)
        is_secret |= kind == "secret"
        if reference.get("items") and entries is not None:
            entries = {str(item.get("path") or item.get("key")): _bytes(kind, reference, item, entries) for item in reference["items"]}
        files |= entries or {}
        if any("mode" in item for item in reference.get("items") or ()) or reference.get("defaultMode"):
            warnings.append(f"volume {name!r}: file modes are recorded only: a task runs as the server's user")
    return files, is_secret


def _bytes(kind: str, reference: Mapping[str, Any], item: Mapping[str, Any], entries: Mapping[str, bytes]) -> bytes:
    key = str(item.get("key", ""))
    if key not in entries:
        raise TaskError(no_key(kind, str(reference.get("name") or reference.get("secretName")), key, entries), kind=FailureKind.START)
    return entries[key]
