"""Environment variables of an Argo container, and what references to its pod, its resources and stored entries come to.

Semantics: kfp 1.8 protocol notes, section 4.2. Everything that a process cannot have becomes a warning sentence.
"""

from __future__ import annotations

import json
import math
import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.domain.errors import TaskError
from penstock.domain.execution import DEFAULT_SERVICE_ACCOUNT, FailureKind
from penstock.interfaces.dialect import SecretLookup
from penstock.spec.quantities import parse_cpu, parse_memory
from penstock.spec.stored import missing, no_key
from penstock.spec.variables import expand

_LABEL = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")


@dataclass(slots=True)
class ContainerEnvironment:
    """Variables of a container, plain and secret, in manifest order."""

    plain: dict[str, str] = field(default_factory=dict)
    secret: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def expand(self, text: str) -> str:
        """Replace `$(NAME)` by the variable's value, that of a secret before a plain one."""
        return expand(text, ChainMap(self.secret, self.plain))


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What field references may ask for."""

    name: str
    uid: str
    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    service_account: str = DEFAULT_SERVICE_ACCOUNT

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
            "spec.serviceAccountName": self.service_account,
            "status.podIP": "127.0.0.1",
            "status.hostIP": "127.0.0.1",
        }
        return known.get(path)

    def file(self, path: str) -> str | None:
        """Text of a file of the downward API: as `field`, and all labels or annotations, a sorted `key="value"` each."""
        wholes = {"metadata.labels": self.labels, "metadata.annotations": self.annotations}
        if path not in wholes:
            return self.field(path)
        return "\n".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in sorted(wholes[path].items()))


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
            found.plain[name] = resource_field(container, source["resourceFieldRef"])
        else:
            found.warnings.append(f"environment variable {name}: source {', '.join(source)} is not supported; it is not set")
    return found


def resource_field(container: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
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
        entries = lookup(kind, reference, secrets)
        for name, value in (entries or {}).items():
            target[f"{item.get('prefix', '')}{name}"] = value.decode("utf-8", "replace")


def lookup(kind: str, reference: Mapping[str, Any], secrets: SecretLookup) -> Mapping[str, bytes] | None:
    """Entries of a stored secret or config map; None when the optional one does not exist.

    Raises:
        TaskError: one that is not optional does not exist here (kind START).
    """
    name = str(reference.get("name") or reference.get("secretName") or "")
    entries = secrets.get(kind, name)
    if entries is None and not reference.get("optional"):
        raise TaskError(missing(kind, name), kind=FailureKind.START)
    return entries


def _entry(kind: str, reference: Mapping[str, Any], secrets: SecretLookup) -> str | None:
    entries = lookup(kind, reference, secrets)
    key = str(reference.get("key", ""))
    if entries is not None and key in entries:
        return entries[key].decode("utf-8", "replace")
    if reference.get("optional"):
        return None
    raise TaskError(no_key(kind, str(reference.get("name")), key, entries or {}), kind=FailureKind.START)
