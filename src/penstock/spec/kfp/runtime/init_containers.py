"""Init containers of a task, as commands that run before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from penstock.spec.kfp.runtime.commands import Resolver
from penstock.spec.kfp.runtime.pod_config import Entry, PodConfig


def init_commands(config: PodConfig, resolver: Resolver) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    """Return the commands in order, and a warning for each that cannot run without its image.

    Variables of an init container are set by `env` in front of its command, because they must not reach the task.
    """
    commands: list[tuple[str, ...]] = []
    for entry in config.entries("initContainers"):
        argv = resolver.arguments([*_list(entry, "command"), *_list(entry, "args")])
        if not _list(entry, "command"):
            continue
        variables = [f"{item.text('name')}={resolver.text(item.text('value'))}" for item in entry.children("env")]
        commands.append(("env", *variables, *argv) if variables else tuple(argv))
    return tuple(commands), list(imageless(config))


def imageless(config: PodConfig) -> Iterator[str]:
    """Yield a sentence for each init container that cannot run without its image."""
    for entry in config.entries("initContainers"):
        if not _list(entry, "command"):
            yield f"Init container {entry.text('name')} is skipped: it has no command, and image {entry.text('image')} is not run."


def _list(entry: Entry, key: str) -> Sequence[Any]:
    value = entry.data.get(key)
    return value if isinstance(value, list | tuple) else ()
