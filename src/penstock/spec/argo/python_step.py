"""Recognises the Python programs that the 1.8 SDK wraps in shell commands, and the packages they install first.

A command that matches exactly runs warm: the environment is built once and the program starts in a forked child. Anything else runs
as written.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

_PLAIN_SCRIPT = 'program_path=$(mktemp) printf "%s" "$0" > "$program_path" python3 -u "$program_path" "$@"'
_MODULE_SCRIPT = re.compile(
    r'program_path=\$\(mktemp -d\) printf "%s" "\$0" > "\$program_path/ephemeral_component\.py" '
    r'python3 -m (?P<module>kfp\.v2\.components\.executor_main) --component_module_path "\$program_path/ephemeral_component\.py" "\$@"'
)
_INSTALL = re.compile(r"python3 -m pip install(?P<rest>[^|&)]*)")


@dataclass(frozen=True, slots=True)
class PythonStep:
    """A recognised program."""

    source: str
    arguments: tuple[str, ...]
    module: str
    """`__main__` for plain 1.8 components, else the executor module."""


@dataclass(frozen=True, slots=True)
class Installs:
    """Packages that a command installs before it runs the rest."""

    requirements: tuple[str, ...] = ()
    index_urls: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()


def split_command(argv: Sequence[str]) -> tuple[Installs, tuple[str, ...]]:
    """Separate a leading `sh -c '... pip install ... && "$0" "$@"'` from the command that it wraps.

    Returns no installs and the whole command when there is no such prefix.
    """
    items = tuple(argv)
    if len(items) < 4 or items[0] not in {"sh", "bash"} or items[1] != "-c":
        return Installs(), items
    script = items[2]
    if "pip install" not in script or not script.rstrip().endswith('&& "$0" "$@"'):
        return Installs(), items
    match = _INSTALL.search(script)
    if match is None:
        return Installs(), items
    parsed = _parse_install(match.group("rest"))
    return (Installs(), items) if parsed is None else (parsed, items[3:])


def _parse_install(text: str) -> Installs | None:
    try:
        words = shlex.split(text.replace("\\\n", " "))
    except ValueError:
        return None
    requirements: list[str] = []
    indexes: list[str] = []
    hosts: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word in {"--index-url", "-i", "--extra-index-url", "--trusted-host"}:
            if at + 1 >= len(words):
                return None
            (hosts if word == "--trusted-host" else indexes).append(words[at + 1])
            at += 1
        elif word.startswith("-"):
            if word not in {"--quiet", "-q", "--no-warn-script-location", "--user", "--upgrade", "-U", "--disable-pip-version-check"}:
                return None
        else:
            requirements.append(word)
        at += 1
    return Installs(tuple(requirements), tuple(indexes), tuple(hosts))


def recognise(argv: Sequence[str]) -> PythonStep | None:
    """Return the Python program of `sh -ec SCRIPT SOURCE args...`, or None when the command is anything else."""
    if len(argv) < 4 or argv[0] != "sh" or argv[1] != "-ec":
        return None
    script = " ".join(argv[2].split())
    if script == _PLAIN_SCRIPT:
        return PythonStep(argv[3], tuple(argv[4:]), "__main__")
    match = _MODULE_SCRIPT.fullmatch(script)
    if match is not None:
        return PythonStep(argv[3], tuple(argv[4:]), match.group("module"))
    return None
