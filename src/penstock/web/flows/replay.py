"""The lines that run a recorded task of a flow again on the reader's machine, with the client's own commands.

`metaflow code pull` fetches the code package of a run, `spin` runs one task again on what it read in that run. Nothing of it is recorded.

Semantics: observed with metaflow 2.19 (`tests/conformance/metaflow/test_flow_replay.py`): `spin` takes the path of a task, reads the
datastore that its metadata names, refuses `@parallel`, leaves out the other decorators that it does not know (`@retry`, `@catch`,
`@secrets`), and refuses `@pypi` and `@conda` without their environment unless `--skip-decorators` is given.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_FIRST_WITH_SPIN = (2, 19)
_PACKAGES = frozenset({"pypi", "conda", "pypi_base", "conda_base"})
_NAME = re.compile(r"[A-Za-z0-9][\w.\[\]-]*")
_VERSION = re.compile(r"\d[\w.+!-]*")


@dataclass(frozen=True, slots=True)
class FlowReplay:
    """What the page offers for one task."""

    install: str = ""
    """Shell line that installs what the step needs."""
    run: str = ""
    """Shell line that fetches the code, where it was kept, and runs the task; empty when the client refuses."""
    has_code: bool = False
    """Whether the run's code package is stored."""
    has_packages: bool = False
    """Whether the flow names packages by decorators."""
    local_root: str = ""
    """Folder of a local datastore, on whose machine alone the line works."""
    is_parallel: bool = False
    """The client does not spin nodes of `@parallel`."""


def replay_of(path: str, facts: Mapping[str, str], system_tags: Sequence[str], graph: Mapping[str, Any] | None) -> FlowReplay:
    """Return the lines for the task at `Flow/run/step/task`.

    Args:
        path: of the task.
        facts: its metadata by field.
        system_tags: of the run.
        graph: the flow's definition (`_graph_info`), None when it cannot be read.
    """
    run_path, step = path.rsplit("/", 2)[0], path.split("/")[2]
    decorators = list(_decorators(graph or {}, step))
    if any(name == "parallel" for name, _ in decorators):
        return FlowReplay(is_parallel=True)
    has_packages = package_environment(graph or {}) != ""
    script = facts.get("script-name") or "flow.py"
    script = f"./{script}" if script.startswith("-") else script
    words = ["python", script, "--no-pylint", "spin", path, *(["--skip-decorators"] if has_packages else [])]
    line = shlex.join(words)
    if has_code := "code-package" in facts:
        folder = f"replay_{re.sub(r'[^A-Za-z0-9]+', '_', run_path)[:80]}"
        line = f"{shlex.join(['metaflow', 'code', 'pull', run_path, '--dir', folder])} &&\ncd {folder} &&\n{line}"
    kind = facts.get("ds-type", "")
    requirements = [_metaflow(system_tags), *(["boto3"] if kind == "s3" else []), *_pinned(decorators)]
    return FlowReplay(
        install=shlex.join(["pip", "install", *requirements]),
        run=line,
        has_code=has_code,
        has_packages=has_packages,
        local_root=facts.get("ds-root", "") if kind == "local" else "",
    )


def package_environment(graph: Mapping[str, Any]) -> str:
    """`pypi` or `conda` for a flow that names packages by decorators, as `--environment` wants it; empty for others.

    The client adds `@conda` to every step of a flow that runs with `--environment=pypi`.
    """
    names = {name for name, _ in _decorators(graph, None)} & _PACKAGES
    return "" if not names else "pypi" if any(name.startswith("pypi") for name in names) else "conda"


def _decorators(graph: Mapping[str, Any], step: str | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and attributes of what stands above the flow and above `step`, or above every step."""
    steps = graph.get("steps")
    named = steps if isinstance(steps, Mapping) else {}
    places = [graph, *([named.get(step)] if step is not None else named.values())]
    for place in places:
        for item in (place.get("decorators") if isinstance(place, Mapping) else None) or ():
            if isinstance(item, Mapping):
                attributes = item.get("attributes")
                yield str(item.get("name", "")), attributes if isinstance(attributes, Mapping) else {}


def _metaflow(system_tags: Sequence[str]) -> str:
    version = next((tag.partition(":")[2] for tag in system_tags if tag.startswith("metaflow_version:")), "")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal() and len(part) < 6)
    return f"metaflow=={version}" if _VERSION.fullmatch(version) and numbers >= _FIRST_WITH_SPIN else "metaflow>=2.19"


def _pinned(decorators: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Requirements of `@pypi` and `@conda`; names of conda packages are taken from PyPI. What the step says comes after the flow's."""
    found: dict[str, str] = {}
    for name, attributes in decorators:
        packages = attributes.get("packages") if name in _PACKAGES else None
        for package, version in packages.items() if isinstance(packages, Mapping) else ():
            if _NAME.fullmatch(str(package)):
                found[str(package)] = str(version or "")
    return [f"{package}=={version}" if _VERSION.fullmatch(version) else f"{package}{version}" for package, version in found.items()]
