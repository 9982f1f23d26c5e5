"""Decides how an attempt's process is started, and words the message to its supervisor (see `inside.child.become` for the fields).

Three ways: `warm`, a fork of a parent that has the executor imported; `cold`, the same code in an interpreter of its own, for
tasks that a fork would not serve faithfully; `command`, the words as compiled, with the environment first on PATH.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import sys
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from penstock.domain.execution import AttemptLayout, ProcessSpec, PythonTask
from penstock.executors.process import inside
from penstock.executors.process.adoption import MARKER
from penstock.executors.process.environments import Environment
from penstock.executors.process.inside import prefixes, python_task
from penstock.executors.process.limits import Held
from penstock.executors.process.warm import BOOT_COLD, CODE_ARGUMENTS, ParentKind

_HOOK = Path(inside.__file__).resolve().parent / "hook"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INTERPRETER_VARIABLE = re.compile(r"PYTHON[A-Z].*|LD_[A-Z].*|MALLOC_.*|GLIBC_TUNABLES")
"""Read by an interpreter or loader when it starts, so a fork would ignore them."""
_MAY_INSTALL = re.compile(r"subprocess|sys\.executable|os\.(system|popen|spawn|exec)|\bpip\b|venv|import_module")
"""Programs that say none of this do not install packages, and are spared an overlay of their own."""
_COLD_FILE = "cold.json"
_SHARED_TMP = PurePosixPath("/tmp")  # noqa: S108  the literal path that images use
_MOST_SHARED = 100
_OWN_KIND = ParentKind(Path(sys.executable))
"""Of commands: they need no imports, so that the server's own interpreter starts them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one attempt is started."""

    mode: str
    """`warm`, `cold` or `command`."""
    kind: ParentKind
    """The supervisor it needs."""
    spec: ProcessSpec
    environment: Environment
    variables: Mapping[str, str]
    """Complete environment, secrets included."""
    tmp_link: str
    """Short name for the attempt's temporary directory, made for the time it runs; see `layout.Folders.tmp_link`."""
    overlay: Mapping[str, str] | None
    """Private virtual environment to lay over the shared one."""
    warnings: tuple[str, ...] = ()

    def message(
        self,
        attempt_id: str,
        layout: AttemptLayout,
        binds: list[dict[str, Any]],
        held: Held,
        *,
        grace_seconds: float,
        data: str,
        description: str,
        tells_streams_apart: bool = True,
    ) -> dict[str, Any]:
        """Return the `run` message.

        Args:
            attempt_id: name of the attempt.
            layout: its directories.
            binds: what is mounted where.
            held: its limits.
            grace_seconds: between SIGTERM and SIGKILL at a deadline.
            data: the data folder.
            description: text of the attempt's `spec.json`.
            tells_streams_apart: whether stdout and stderr of a command take a pipe each to the supervisor, which writes the log; else one.
        """
        spec, root = self.spec, str(layout.root)
        cwd = str(spec.working_dir or layout.work)
        # A working directory outside of the attempt is a mount point: it exists once the namespace does.
        own = [cwd] if cwd == root or cwd.startswith((f"{root}/", f"{layout.workspace}/")) else []
        directories = [*own, str(layout.work), str(layout.tmp), *(str(path) for path in spec.directories)]
        message: dict[str, Any] = {
            "op": "run",
            "id": attempt_id,
            "root": root,
            "log": f"{root}/log",
            "cwd": cwd,
            "env": dict(self.variables),
            "tmp": str(layout.tmp),
            "tmp_link": self.tmp_link,
            "overlay": self.overlay,
            "prefixes": dict(spec.path_prefixes),
            "init": spec.init,
            "sidecars": spec.sidecars,
            "deadline": spec.deadline_seconds,
            "grace": grace_seconds,
            "cgroup_files": held.join,
            "cgroup": held.cgroup,
            "rlimits": held.rlimits,
            "spec": description,
        }
        if binds:
            message["binds"] = _with_own_directories(binds, layout, data, _names_below_tmp(spec, layout))
            message["new_root"] = f"{root}/root"
            sources = (bind["source"] for bind in binds if bind["source"].startswith(root) and not os.path.isfile(bind["source"]))
            directories += [f"{root}/root", *sources]
        message["directories"] = list(dict.fromkeys(directories))
        if self.mode == "command":
            message["argv"] = spec.argv
            message["streams"] = 2 if tells_streams_apart else 1
        elif spec.python is not None:
            task = _python_message(spec.python)
            message["late_secret"] = secrets.token_hex(16)
            if self.mode == "warm":
                message["python"] = task
            else:
                message["cold_file"] = {"path": f"{root}/{_COLD_FILE}", "task": {"python": task, "prefixes": message["prefixes"]}}
                python = f"{self.overlay['path']}/bin/python" if self.overlay else str(self.environment.python)
                message["argv"] = [python, "-u", "-c", BOOT_COLD, *CODE_ARGUMENTS, f"{root}/{_COLD_FILE}"]
        return message


def plan(spec: ProcessSpec, environment: Environment, layout: AttemptLayout, base: Mapping[str, str], tmp_link: str) -> Plan:
    """Choose the way to start `spec`.

    Args:
        spec: what to run.
        environment: its packages.
        layout: its directories.
        base: variables that the server gives every task.
        tmp_link: short name for its temporary directory.
    """
    mode = "command"
    kind = _OWN_KIND
    if spec.python is not None:
        mode = "cold" if _needs_cold_start(spec) else "warm"
    if mode == "warm" and spec.python is not None:
        executor = "" if spec.python.module == "__main__" else spec.python.module
        kind = ParentKind(environment.python, executor, spec.python.runtime_mode, is_warm=True)
    overlay = None
    if mode != "warm" or (spec.python is not None and _MAY_INSTALL.search(spec.python.source)):
        overlay = {
            "path": f"{layout.root}/venv",
            "version": environment.interpreter.version,
            "interpreter": str(environment.interpreter.executable),
            "shared_site": str(environment.site_packages),
        }
    variables = _variables(spec, environment, layout, {"TMPDIR": tmp_link, **base}, overlay)
    return Plan(mode, kind, spec, environment, variables, tmp_link, overlay)


def with_environment(spec: ProcessSpec, plain: Mapping[str, str], secret: Mapping[str, str]) -> ProcessSpec:
    """Return `spec` with further variables; those of the pipeline win, unless they are empty.

    Pipelines in the shape of the W&B tutorial hand on `os.getenv("WANDB_BASE_URL")`, which is a variable without value where it is unset.
    """
    given = {name: value for name, value in spec.env.items() if value or (name not in plain and name not in secret)}
    taken = {*given, *spec.secret_env}
    return dataclasses.replace(
        spec,
        env={**{name: value for name, value in plain.items() if name not in taken}, **given},
        secret_env={**{name: value for name, value in secret.items() if name not in taken}, **spec.secret_env},
    )


def overruled(spec: ProcessSpec, secret: Mapping[str, str], warning: str) -> ProcessSpec:
    """Return `spec` with secret variables over its own, and with a warning unless that is empty."""
    if not secret and not warning:
        return spec
    return dataclasses.replace(
        spec,
        env={name: value for name, value in spec.env.items() if name not in secret},
        secret_env={**spec.secret_env, **secret},
        warnings=(*spec.warnings, warning) if warning else spec.warnings,
    )


def _needs_cold_start(spec: ProcessSpec) -> bool:
    variables = (*spec.env, *spec.secret_env)
    return spec.needs_cold_start or spec.resources.accelerator_count > 0 or any(_INTERPRETER_VARIABLE.fullmatch(name) for name in variables)


def _variables(
    spec: ProcessSpec, environment: Environment, layout: AttemptLayout, base: Mapping[str, str], overlay: Mapping[str, str] | None
) -> dict[str, str]:
    first = [f"{overlay['path']}/bin"] if overlay else []
    variables = {
        "PATH": ":".join([*first, f"{environment.path}/bin", _SYSTEM_PATH]),
        "HOME": str(layout.tmp),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "VIRTUAL_ENV": overlay["path"] if overlay else str(environment.path),
        **base,
        **spec.env,
        **spec.secret_env,
        MARKER: str(layout.root),
    }
    if spec.python is not None and spec.python.runtime_mode:
        variables[python_task.RUNTIME_VARIABLE] = "true"
    if spec.path_prefixes:
        variables[prefixes.VARIABLE] = json.dumps(dict(spec.path_prefixes))
        variables["PYTHONPATH"] = os.pathsep.join([str(_HOOK), *([variables["PYTHONPATH"]] if variables.get("PYTHONPATH") else [])])
    return variables


def _python_message(python: PythonTask) -> dict[str, Any]:
    return {
        "source": python.source,
        "function": python.function,
        "module": python.module,
        "executor_input": python.executor_input,
        "argv": python.argv,
    }


def _names_below_tmp(spec: ProcessSpec, layout: AttemptLayout) -> frozenset[str]:
    """First names of what the attempt itself has below `/tmp`."""
    stand_in = layout.mounts / "tmp"
    paths = (*spec.directories, *spec.files, *(staged.path for staged in spec.staged))
    return frozenset(path.relative_to(stand_in).parts[0] for path in paths if stand_in in path.parents)


def _with_own_directories(binds: list[dict[str, Any]], layout: AttemptLayout, data: str, taken: frozenset[str]) -> list[dict[str, Any]]:
    """Add what literal paths must not cover: a private `/tmp` where something lies below it, and the data folder itself.

    Directories that the host has below its `/tmp` stay visible in a private one, so that a path handed from task to task still works.
    """
    targets = [PurePosixPath(bind["target"]) for bind in binds]
    private = [bind for bind in binds if bind["target"] == str(_SHARED_TMP)]
    if any(_SHARED_TMP in target.parents for target in targets) and not private:
        private = [{"source": str(layout.tmp), "target": str(_SHARED_TMP), "read_only": False}]
        targets.append(_SHARED_TMP)
    shared = []
    if private:
        hidden = taken | {target.relative_to(_SHARED_TMP).parts[0] for target in targets if _SHARED_TMP in target.parents}
        shared = [{"source": path, "target": path, "read_only": False, "is_optional": True} for path in _directories_of_tmp(hidden)]
    after = []
    if any(target in PurePosixPath(data).parents for target in targets):
        after = [{"source": data, "target": data, "read_only": False}]
    return [*private, *shared, *(bind for bind in binds if bind not in private), *after]


def _directories_of_tmp(hidden: Container[str]) -> list[str]:
    """Directories of the host's `/tmp` but those named `hidden`; at most `_MOST_SHARED`, the last changed first."""
    found = []
    with os.scandir(_SHARED_TMP) as entries:
        for entry in entries:
            if entry.name not in hidden and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    found.append((entry.stat().st_mtime, entry.path))
    return [path for _, path in sorted(found, reverse=True)[:_MOST_SHARED]]
