"""An attempt as a document that another machine can run: no secrets, paths below a stand-in root, inputs by address.

`web.runs.replay_script` is the program that reads it.
"""

from __future__ import annotations

import base64
import inspect
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.execution import AttemptLayout, ProcessSpec
from penstock.executors.process.inside import prefixes, python_task

ROOT = PurePosixPath("/.penstock-replay")
"""Stands for the folder in which the attempt is run again; the program puts the real one in its place."""

_HOOK = f"""

import json
import os

apply_to_loaded(json.loads(os.environ[{prefixes.VARIABLE!r}]))
"""


def replay_layout() -> AttemptLayout:
    """Return directories below `ROOT`."""
    work, tmp, inputs, outputs, mounts, workspace = (ROOT / name for name in ("work", "tmp", "inputs", "outputs", "mounts", "workspace"))
    return AttemptLayout(root=ROOT, work=work, tmp=tmp, inputs=inputs, outputs=outputs, mounts=mounts, workspace=workspace)


def replay_document(
    spec: ProcessSpec, *, packages: Sequence[str] | None, python: str, address_of: Callable[[ArtifactRef], str]
) -> dict[str, Any]:
    """Describe an attempt that was prepared with `replay_layout`.

    Args:
        spec: what to run.
        packages: pinned requirements of its environment; None: not known any more, what the component asked for is taken.
        python: version that ran it, `X.Y` or longer.
        address_of: where the bytes of an input are fetched.
    """
    directories = {*spec.directories, *(mount.target for mount in spec.mounts), ROOT / "work", ROOT / "tmp", ROOT / "outputs"}
    return {
        "root": str(ROOT),
        "argv": list(spec.argv),
        "init": [list(words) for words in spec.init],
        "env": dict(spec.env),
        "secrets": sorted(spec.secret_env),
        "component": _component(spec),
        "staged": [
            {"name": item.artifact.name, "path": str(item.path), "from": address_of(item.artifact), "is_folder": item.artifact.is_directory}
            for item in spec.staged
        ],
        "files": {str(path): base64.b64encode(content).decode() for path, content in spec.files.items()},
        "directories": sorted(str(path) for path in directories if path.is_relative_to(ROOT)),
        "outputs": {
            **{item.name: str(item.path) for item in spec.output_parameters},
            **{item.name: str(item.path) for item in spec.output_artifacts},
        },
        "executor_output": str(spec.executor_output) if spec.executor_output else None,
        "working_dir": str(spec.working_dir or ROOT / "work"),
        "prefixes": spec.path_prefixes,
        "prefix_variable": prefixes.VARIABLE,
        "hook": inspect.getsource(prefixes) + _HOOK if spec.path_prefixes else "",
        "requirements": list(packages) if packages is not None else [*spec.environment.requirements, *spec.environment.no_deps],
        "is_locked": packages is not None,
        "index_urls": list(spec.environment.index_urls),
        "python": python,
        "missing": [f"{mount.target} ({mount.volume or 'an empty folder'})" for mount in spec.mounts],
    }


def _component(spec: ProcessSpec) -> dict[str, Any] | None:
    if spec.python is None:
        return None
    task = spec.python
    return {
        "source": task.source,
        "function": task.function,
        "module": task.module,
        "executor_input": task.executor_input,
        "argv": list(task.argv),
        "env": {python_task.RUNTIME_VARIABLE: "true"} if task.runtime_mode else {},
    }
