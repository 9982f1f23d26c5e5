"""What a manifest asks and no process of one machine has, in sentences: every field that is not read elsewhere is named here.

The tables list the fields that are honoured; any other field that says something becomes a warning, with words of its own where its
meaning is known. So a field that nobody has thought of is named as well. Fields are those of Argo's `Workflow` and of a Kubernetes
container; semantics: kfp 1.8 protocol notes, section 3.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MACHINE = "there is one machine"
PROCESS = "a task is a process"
IMAGES = "images are not pulled"


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one kind of object in a manifest."""

    honoured: frozenset[str]
    """Those that are read, and those that ask for nothing."""
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Known others: what they ask for, and why it is recorded only."""

    def left(self, owner: str, value: Mapping[str, Any]) -> Iterator[str]:
        """Yield a sentence for each field of `value` that says something and is not honoured. Args: owner: of the field, in words."""
        for key, item in value.items():
            if key in self.honoured or item in (None, "", False) or (isinstance(item, list | dict) and not item):
                continue
            what, why = self.words.get(key, (repr(key), "nothing here carries it out"))
            yield f"{owner} {what}: recorded only, {why}"


_PLACEMENT = {
    "nodeSelector": ("node selector", MACHINE),
    "tolerations": ("tolerations", MACHINE),
    "affinity": ("affinity", MACHINE),
    "schedulerName": ("scheduler", MACHINE),
    "priorityClassName": ("priority class", MACHINE),
    "priority": ("priority", MACHINE),
    "hostAliases": ("host aliases", PROCESS),
    "securityContext": ("security context", "a task runs as the server's user"),
}
WORKFLOW = Fields(
    frozenset(
        {"entrypoint", "templates", "arguments", "onExit", "parallelism", "activeDeadlineSeconds", "volumes", "serviceAccountName"}
    ),
    {
        **_PLACEMENT,
        "dnsConfig": ("DNS configuration", PROCESS),
        "dnsPolicy": ("DNS policy", PROCESS),
        "imagePullSecrets": ("image pull secrets", IMAGES),
        "podDisruptionBudget": ("pod disruption budget", MACHINE),
        "podPriorityClassName": ("priority class", MACHINE),
        "ttlStrategy": ("time to live", "runs stay until somebody deletes them"),
        "podGC": ("clean-up of pods", PROCESS),
    },
)
_TEMPLATE = frozenset({"name", "inputs", "outputs", "metadata", "serviceAccountName"})
DAG = Fields(_TEMPLATE | {"dag", "parallelism"}, _PLACEMENT)
DAG_BODY = Fields(frozenset({"tasks", "failFast"}))
DAG_TASK = Fields(frozenset({"name", "template", "dependencies", "arguments", "when", "withItems", "withParam"}))
LEAF = Fields(
    _TEMPLATE
    | {"container", "resource", "retryStrategy", "activeDeadlineSeconds", "timeout", "initContainers", "sidecars", "volumes"}
    | {"podSpecPatch", "parallelism"},  # a loop over a leaf reads it
    _PLACEMENT,
)
_CONTAINER = frozenset({"name", "image", "command", "args", "env", "envFrom", "volumeMounts", "workingDir", "mirrorVolumeMounts"})
_OF_CONTAINER = {
    "imagePullPolicy": ("image pull policy", IMAGES),
    "livenessProbe": ("liveness probe", PROCESS),
    "readinessProbe": ("readiness probe", PROCESS),
    "startupProbe": ("startup probe", PROCESS),
    "lifecycle": ("lifecycle hooks", PROCESS),
    "volumeDevices": ("volume devices", PROCESS),
    "ports": ("list of ports", "a process listens on the ports of this machine"),
    "securityContext": ("security context", "a task runs as the server's user"),
    "stdin": ("standard input", "a task has none"),
    "stdinOnce": ("standard input", "a task has none"),
    "tty": ("terminal", "a task has none"),
    "terminationMessagePath": ("termination message", "the end of the log tells why a task failed"),
    "terminationMessagePolicy": ("termination message policy", "the end of the log tells why a task failed"),
    "resources": ("own resources", "companions share those of the task"),
}
CONTAINER = Fields(_CONTAINER | {"resources"}, _OF_CONTAINER)
COMPANION = Fields(_CONTAINER, _OF_CONTAINER)
RETRIES = Fields(frozenset({"limit", "retryPolicy", "backoff"}))
RESOURCE = Fields(
    frozenset({"action", "manifest", "successCondition", "failureCondition"}),
    {"setOwnerReference": ("owner reference", "what a step makes stays when its run is deleted")},
)
"""Conditions hold at once: what a resource step makes here is ready when the step ends."""
INPUT_FILE = Fields(frozenset({"name", "path", "raw", "from", "optional"}))
OUTPUT_FILE = Fields(
    frozenset({"name", "path", "from", "optional"}), {"archive": ("archive format", "artifacts are stored as the task wrote them")}
)
INPUT_VALUE = Fields(frozenset({"name", "value", "default", "description"}))
OUTPUT_VALUE = Fields(frozenset({"name", "value", "valueFrom", "description"}))
MOUNT = Fields(frozenset({"name", "mountPath", "subPath", "subPathExpr", "readOnly"}))


def of_workflow(spec: Mapping[str, Any]) -> list[str]:
    """What the whole workflow asks, in the order of the manifest; every task of a run says it."""
    found = list(WORKFLOW.left("the workflow's", spec))
    for template in spec.get("templates") or ():
        if isinstance(template, Mapping) and isinstance(template.get("dag"), Mapping):
            owner = f"template {template.get('name')!r}:"
            found += [*DAG.left(owner, template), *DAG_BODY.left(owner, template["dag"])]
            found += [sentence for task in template["dag"].get("tasks") or () for sentence in DAG_TASK.left(owner, task)]
    return found


def of_leaf(template: Mapping[str, Any]) -> list[str]:
    """What a leaf's template asks, tags replaced."""
    container = template.get("container") or {}
    found = [*LEAF.left("the step's", template), *CONTAINER.left("the container's", container)]
    for item in container.get("volumeMounts") or ():
        found += MOUNT.left(f"mount {item.get('mountPath')}:", item)
    found += RETRIES.left("retry strategy:", template.get("retryStrategy") or {})
    if template.get("retryStrategy") and template["retryStrategy"].get("limit") in (None, ""):
        found.append("the retry strategy has no limit, and is not carried out: a step is retried as often as its limit says")
    found += RESOURCE.left("the resource's", template.get("resource") or {})
    for kind, fields, words in (
        ("artifacts", (INPUT_FILE, OUTPUT_FILE), ("input file", "output file")),
        ("parameters", (INPUT_VALUE, OUTPUT_VALUE), ("input", "output")),
    ):
        for side, table, word in zip(("inputs", "outputs"), fields, words, strict=True):
            for item in (template.get(side) or {}).get(kind) or ():
                found += table.left(f"{word} {item.get('name')!r}:", item)
    for kind in ("initContainers", "sidecars"):
        for item in template.get(kind) or ():
            if item.get("name") != "kfp-launcher":
                found += _of_companion(kind, item)
    return [*found, *_of_patch(template.get("podSpecPatch")), *_of_resources(container.get("resources") or {})]


def _of_companion(kind: str, item: Mapping[str, Any]) -> Iterator[str]:
    owner = f"{kind[:-1]} {item.get('name')!r}"
    if item.get("command"):
        yield from COMPANION.left(f"{owner}:", item)
    else:
        yield f"{owner} has no command and needs its image; it is not started"


def _of_patch(patch: Any) -> Iterator[str]:
    """What `podSpecPatch` (JSON text; the SDK writes it for settings that are parameters) asks beside resources of the task."""
    try:
        value = json.loads(patch) if patch else {}
        containers = value.get("containers") or []
        known = Fields(frozenset({"containers"}), _PLACEMENT)
        yield from known.left("the pod's", value)
        for index, item in enumerate(containers):
            own = frozenset({"name", "resources"}) if index == 0 else frozenset({"name"})
            yield from Fields(own).left(f"container {item.get('name')!r} of the pod's patch:", item)
            yield from _of_resources(item.get("resources") or {})
    except (ValueError, AttributeError):
        yield "podSpecPatch is not a JSON object; it is ignored"


def _of_resources(resources: Mapping[str, Any]) -> Iterator[str]:
    names = dict.fromkeys(name for side in ("requests", "limits") for name in resources.get(side) or {})
    accelerators = [name for name in names if is_accelerator(name)]
    others = [name for name in names if name not in {"cpu", "memory", *accelerators[:1]}]
    for name in others:
        yield f"the amount of {name}: recorded only, no limit is set on it here"


def is_accelerator(resource: str) -> bool:
    """Whether a resource of Kubernetes is a GPU or the like."""
    return "gpu" in resource or "tpu" in resource


def unique(sentences: Iterable[str]) -> list[str]:
    """Each sentence once, in order."""
    return list(dict.fromkeys(sentences))
