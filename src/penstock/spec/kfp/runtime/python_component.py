"""Recognises lightweight Python components, so that they can take the warm road.

The compiled command is matched exactly (kfp protocol notes, section 5.4); anything else, such as a custom prefix or a changed
script, is None and runs as compiled. Both roads give the same result, which `tests/conformance` checks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from penstock.spec.kfp.runtime.pip_commands import Installs, parse_install_script

_SCRIPT = re.compile(
    r'program_path=\$\(mktemp -d\) printf "%s" "\$0" > "\$program_path/ephemeral_component\.py" '
    r"(?P<runtime>_KFP_RUNTIME=true )?python3 -m (?P<module>kfp\.(?:dsl|components|v2\.components)\.executor_main) "
    r'--component_module_path "\$program_path/ephemeral_component\.py" "\$@"'
)
_PREFIX = 7


@dataclass(frozen=True, slots=True)
class PythonComponent:
    """A recognised command."""

    source: str
    """Python source, placeholders as compiled."""
    function: str
    module: str
    runtime_mode: bool
    installs: Installs


def is_source_element(command: Sequence[Any], index: int) -> bool:
    """Whether `command[index]` is the source of a Python component."""
    script = command[index - 1] if index else None
    return isinstance(script, str) and "executor_main" in script and "ephemeral_component" in script


def is_containerized(command: Sequence[Any]) -> bool:
    """Whether the command is that of a component with a `target_image`, whose code `kfp component build` puts into the image."""
    return len(command) == 3 and command[1] == "-m" and command[2] in {"kfp.dsl.executor_main", "kfp.components.executor_main"}


def recognize(command: Sequence[Any], args: Sequence[Any]) -> PythonComponent | None:
    """Return the component when command and arguments have the form the SDK gives a lightweight component; else None."""
    if len(command) not in {_PREFIX, _PREFIX - 3} or not all(isinstance(part, str) for part in (*command, *args)):
        return None
    return _recognize(tuple(command), tuple(args))


@lru_cache(maxsize=256)
def _recognize(command: tuple[str, ...], args: tuple[str, ...]) -> PythonComponent | None:
    function = _function(args)
    if function is None:
        return None
    installs = Installs()
    if len(command) == _PREFIX:
        if list(command[:2]) != ["sh", "-c"]:
            return None
        parsed = parse_install_script(command[2])
        if parsed is None:
            return None
        installs = parsed
    shell, flag, script, source = command[-4:]
    start = _read_script(script)
    if shell != "sh" or flag != "-ec" or start is None:
        return None
    return PythonComponent(
        source=source,
        function=function,
        module=start[0],
        runtime_mode=start[1],
        installs=installs,
    )


@lru_cache(maxsize=64)
def _read_script(script: str) -> tuple[str, bool] | None:
    """Return executor module and runtime mode of the start script, or None when the SDK did not write it."""
    match = _SCRIPT.fullmatch(" ".join(script.replace("\\\n", " ").split()))
    return None if match is None else (match.group("module"), match.group("runtime") is not None)


def _function(args: Sequence[str]) -> str | None:
    """Return the function to execute when the arguments are those of the SDK and nothing else."""
    if len(args) != 4:
        return None
    options = {args[0]: args[1], args[2]: args[3]}
    if options.get("--executor_input") != "{{$}}":
        return None
    return options.get("--function_to_execute")
