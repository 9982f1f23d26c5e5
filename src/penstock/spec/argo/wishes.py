"""What a template asks of the machine: packages and resources.

Semantics: kfp 1.8 protocol notes, sections 4.3 and 4.4.
"""

from __future__ import annotations

import contextlib
import json
import re

from penstock.domain.execution import EnvironmentRequest, LaunchRequest, PythonTask, Resources
from penstock.spec.argo.leaf import Leaf
from penstock.spec.argo.leftovers import is_accelerator
from penstock.spec.argo.python_step import Installs, recognise, split_command
from penstock.spec.quantities import parse_cpu, parse_memory

_PYTHON_IMAGE = re.compile(r"(?:^|/)python:(\d+\.\d+)")

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


def resources_of(leaf: Leaf) -> Resources:
    """Requests and limits, `podSpecPatch` included (the SDK puts there what is a parameter); a patch that is none says nothing."""
    found = {**(leaf.container.get("resources") or {})}
    patch = leaf.template.get("podSpecPatch")
    if patch:
        with contextlib.suppress(ValueError, AttributeError, IndexError):
            patched = (json.loads(patch).get("containers") or [{}])[0].get("resources") or {}
            found = {side: {**(found.get(side) or {}), **(patched.get(side) or {})} for side in ("requests", "limits")}
    requests, limits = found.get("requests") or {}, found.get("limits") or {}
    gpu = next(((key, value) for key, value in {**requests, **limits}.items() if is_accelerator(key)), None)
    return Resources(
        cpu_request=parse_cpu(requests.get("cpu")),
        cpu_limit=parse_cpu(limits.get("cpu")),
        memory_request_bytes=parse_memory(requests.get("memory")),
        memory_limit_bytes=parse_memory(limits.get("memory")),
        accelerator_type=gpu[0] if gpu else None,
        accelerator_count=int(float(str(gpu[1]))) if gpu else 0,
    )
