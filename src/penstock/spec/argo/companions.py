"""Init containers and sidecars of a leaf, as commands beside the task's: with their own variables, mounts and directory.

They share the task's place: a mount of one is seen by all, and the task's variables are in theirs. What is a companion's alone is set by a
shell in front of its command, secrets by name, so that no value of one is ever an argument. Semantics: kfp 1.8 protocol notes, section 4.4.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.execution import Mount
from penstock.interfaces.dialect import SecretLookup
from penstock.spec.argo.environment import ContainerEnvironment, PodFacts, container_environment
from penstock.spec.argo.leaf import Leaf
from penstock.spec.argo.volumes import container_mounts
from penstock.spec.shells import with_shell_of

KINDS = ("initContainers", "sidecars")
_LAUNCHER = "kfp-launcher"


@dataclass(slots=True)
class Companions:
    """All companions of one attempt."""

    init: list[tuple[str, ...]] = field(default_factory=list)
    sidecars: list[tuple[str, ...]] = field(default_factory=list)
    secret_env: dict[str, str] = field(default_factory=dict)
    """Values of their secrets, under names that no program looks for."""
    mounts: list[Mount] = field(default_factory=list)
    """Those that the task does not have itself."""
    warnings: list[str] = field(default_factory=list)


def started_companions(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield kind and section of each companion that can run: one with a command."""
    for kind in KINDS:
        for item in template.get(kind) or ():
            if item.get("name") != _LAUNCHER and item.get("command"):
                yield kind, item


def companions_of(
    leaf: Leaf,
    pod: PodFacts,
    secrets: SecretLookup,
    *,
    volumes: Sequence[Mapping[str, Any]],
    shared: PurePosixPath,
    taken: Sequence[Mount],
    directory: Callable[[str, Sequence[Mount]], PurePosixPath | None],
) -> Companions:
    """Resolve the companions of an attempt.

    Args:
        leaf: the task's template.
        pod: what field references may ask for.
        secrets: store for references and volumes.
        volumes: pod volumes of the template and the workflow.
        shared: directory of the attempt for volumes that live as long as the pod.
        taken: mounts of the task; where a companion wants another volume at the place of one, the task's stays.
        directory: gives the place of a `workingDir`.

    Raises:
        TaskError: a secret or config map that is not optional does not exist here (kind START).
    """
    found = Companions()
    for kind, item in started_companions(leaf.template):
        env = container_environment(item, pod, secrets)
        own, warnings = container_mounts(item, volumes, shared, pod, secrets, env.expand)
        _add_mounts(found, str(item.get("name")), own, taken)
        found.warnings += [*env.warnings, *warnings]
        words = [str(leaf.paths.apply(env.expand(str(word)))) for word in [*item["command"], *(item.get("args") or ())]]
        place = directory(str(item.get("workingDir") or ""), [*taken, *found.mounts])
        argv = _with_own(with_shell_of(str(item.get("image", "")), words), leaf, env, place, found.secret_env)
        (found.init if kind == "initContainers" else found.sidecars).append(argv)
    return found


def _add_mounts(found: Companions, name: str, own: Sequence[Mount], taken: Sequence[Mount]) -> None:
    by_target = {mount.target: mount for mount in [*taken, *found.mounts]}
    for mount in own:
        other = by_target.get(mount.target)
        if other is None:
            found.mounts.append(mount)
        elif (other.source, other.volume, other.sub_path) != (mount.source, mount.volume, mount.sub_path):
            found.warnings.append(f"{name!r} wants another volume at {mount.target} than the task; it sees the task's")


def _with_own(
    argv: tuple[str, ...], leaf: Leaf, env: ContainerEnvironment, place: PurePosixPath | None, secret_env: dict[str, str]
) -> tuple[str, ...]:
    """Put variables and directory in front of a command."""
    plain = [f"{name}={leaf.paths.apply(value)}" for name, value in env.plain.items()]
    steps = [f"mkdir -p {shlex.quote(str(place))} && cd {shlex.quote(str(place))}"] if place else []
    for name, value in env.secret.items():
        hidden = f"PENSTOCK_COMPANION_{len(secret_env)}"
        secret_env[hidden] = value
        steps.append(f'export {name}="${hidden}"')
    if plain:
        argv = ("env", *plain, *argv)
    return ("sh", "-c", "; ".join([*steps, 'exec "$@"']), "sh", *argv) if steps else argv
