"""What a template asks of the machine: packages, resources, companions; and what a process cannot give, as warnings.

Semantics: kfp 1.8 protocol notes, sections 4.3 and 4.4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from penstock.domain.execution import EnvironmentRequest, LaunchRequest, PythonTask, Resources
from penstock.spec.argo.environment import ContainerEnvironment
from penstock.spec.argo.leaf import Leaf
from penstock.spec.argo.lower import WORKFLOW_WISHES
from penstock.spec.argo.python_step import Installs, recognise, split_command
from penstock.spec.quantities import parse_cpu, parse_memory

_PYTHON_IMAGE = re.compile(r"(?:^|/)python:(\d+\.\d+)")
_IGNORED = {
    "nodeSelector": "node selector",
    "tolerations": "tolerations",
    "affinity": "affinity",
    "securityContext": "security context",
    "hostAliases": "host aliases",
    "priorityClassName": "priority class",
    "schedulerName": "scheduler",
}
_IGNORED_OF_CONTAINER = {
    "livenessProbe": "liveness probe",
    "readinessProbe": "readiness probe",
    "lifecycle": "lifecycle hooks",
    "volumeDevices": "volume devices",
}


def python_of(argv: list[str], document: str) -> tuple[Installs, PythonTask | None]:
    """Packages that the command installs, and the Python program it runs when it is one that the SDK writes."""
    installs, inner = split_command(argv)
    step = recognise(inner)
    if step is None:
        return installs, None
    if step.module == "__main__":
        return installs, PythonTask(step.source, "", "__main__", "", runtime_mode=False, argv=step.arguments)
    flags = dict(zip(step.arguments[::2], step.arguments[1::2], strict=False))
    function = flags.get("--function_to_execute", "")
    if set(flags) != {"--executor_input", "--function_to_execute"} or not function:
        return installs, None
    return installs, PythonTask(step.source, function, step.module, document, runtime_mode=False)


_OF_KERAS = frozenset({"tensorflow", "tensorflow-cpu", "keras"})
"""Requirements without a version, as their authors wrote them when Keras 2 was the newest."""
KERAS_PIN = "keras<3; python_version<'3.12'"
"""Keras 3 refuses `model.save(path)` for paths without an ending, which is how those programs write an output. Interpreters from 3.12
have no older one."""


def environment_of(request: LaunchRequest, leaf: Leaf, installs: Installs) -> EnvironmentRequest:
    """The environment that a step needs; versions that would not work with the SDK are excluded."""
    image = str(leaf.container.get("image", ""))
    match = _PYTHON_IMAGE.search(image)
    sdk = request.run.sdk_version
    # The W&B integration appends unpinned wandb and kfp to every component; without these pins kfp 2 is installed and the step dies.
    pins: tuple[str, ...] = (f"kfp=={sdk}", "wandb<=0.24.2", "setuptools<81") if sdk.startswith("1.") else ()
    if pins and not _OF_KERAS.isdisjoint(installs.requirements):
        pins += (KERAS_PIN,)
    return EnvironmentRequest(
        requirements=installs.requirements,
        index_urls=installs.index_urls,
        trusted_hosts=installs.trusted_hosts,
        python=match.group(1) if match else None,
        constraints=pins,
    )


def resources_of(leaf: Leaf, warnings: list[str]) -> Resources:
    """Requests and limits, `podSpecPatch` included; what cannot be read goes to `warnings`."""
    found = {**(leaf.container.get("resources") or {})}
    patch = leaf.template.get("podSpecPatch")
    if patch:
        try:
            containers = json.loads(patch).get("containers") or [{}]
            patched = containers[0].get("resources") or {}
            found = {side: {**(found.get(side) or {}), **(patched.get(side) or {})} for side in ("requests", "limits")}
        except (ValueError, AttributeError, IndexError):
            warnings.append("podSpecPatch is not a JSON object; it is ignored")
    requests, limits = found.get("requests") or {}, found.get("limits") or {}
    gpu = next(((key, value) for key, value in {**requests, **limits}.items() if "gpu" in key or "tpu" in key), None)
    return Resources(
        cpu_request=parse_cpu(requests.get("cpu")),
        cpu_limit=parse_cpu(limits.get("cpu")),
        memory_request_bytes=parse_memory(requests.get("memory")),
        memory_limit_bytes=parse_memory(limits.get("memory")),
        accelerator_type=gpu[0] if gpu else None,
        accelerator_count=int(float(str(gpu[1]))) if gpu else 0,
    )


def companions_of(leaf: Leaf, env: ContainerEnvironment, key: str) -> tuple[tuple[str, ...], ...]:
    """Commands of init containers or sidecars that have one. Args: key: `initContainers` or `sidecars`."""
    found = []
    for item in leaf.template.get(key) or ():
        if item.get("name") == "kfp-launcher" or not item.get("command"):
            continue
        found.append(tuple(str(leaf.paths.apply(env.expand(str(word)))) for word in [*item["command"], *(item.get("args") or ())]))
    return tuple(found)


def ignored_wishes(template: Mapping[str, Any], of_workflow: Iterable[str] = ()) -> list[str]:
    """One sentence for each wish that has no meaning for a process.

    Args:
        template: the leaf's template.
        of_workflow: fields of the whole workflow, from `WORKFLOW_WISHES`.
    """
    found = [f"the workflow's wish for {WORKFLOW_WISHES[key]} is recorded only: tasks are processes of one machine" for key in of_workflow]
    found += [f"{words} is recorded only: there is one machine" for key, words in _IGNORED.items() if template.get(key)]
    container = template.get("container") or {}
    wished = [words for key, words in _IGNORED_OF_CONTAINER.items() if container.get(key)]
    found += [f"the container's {words} is recorded only: a task is a process" for words in wished]
    if container.get("securityContext"):
        found.append("the container's security context is recorded only: a task runs as the server's user")
    for kind in ("sidecars", "initContainers"):
        found += [
            f"{kind[:-1]} {item.get('name')!r} has no command and needs its image; it is not started"
            for item in template.get(kind) or ()
            if not item.get("command")
        ]
    return found
