"""The pipeline programs of `pipelines/` as values, and their compilation by the real SDKs.

A program is a module that the SDK of a client environment runs; nothing of it is imported here, because this environment has no
kfp. Its constants are read from the source:

- `SDKS`: versions of kfp that can compile it.
- `EXTRA`: further requirements of the client environment.
- `NEEDS`: what the host must offer to run it (`mounts`, `network`).
- `ARGUMENTS`: parameters of the run.
- `SECRETS`, `CONFIG_MAPS`: entries to store before the run.
- `EXPECT`: `state` of the run; `outputs` by `<task name>.<output key>`, the values of all tasks of that name in sorted order;
  `states` by task name, likewise; `error`, a piece of the run's error message.
"""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.clients import client_environment, client_python

FOLDER = Path(__file__).parent / "pipelines"
SDK_VERSIONS = ("2.0.1", "2.7.0", "2.17.0")

_COMPILE = """
import json, runpy, sys, traceback
from kfp import compiler

failures = {}
for path, target in json.loads(sys.argv[1]):
    try:
        compiler.Compiler().compile(runpy.run_path(path)["pipeline"], target)
    except Exception:
        failures[path] = traceback.format_exc()
print(json.dumps(failures))
"""


@dataclass(frozen=True, slots=True)
class Program:
    """One pipeline program."""

    name: str
    path: Path
    sdks: tuple[str, ...]
    extra: tuple[str, ...]
    needs: tuple[str, ...]
    arguments: Mapping[str, Any]
    secrets: Mapping[str, Mapping[str, str]]
    config_maps: Mapping[str, Mapping[str, str]]
    expect: Mapping[str, Any]

    def requirements(self, sdk: str) -> tuple[str, ...]:
        """Return what its client environment needs."""
        return (f"kfp=={sdk}", *self.extra)


def read_program(path: Path) -> Program:
    """Read the constants of a program."""
    constants: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            constants[node.targets[0].id] = ast.literal_eval(node.value)
    return Program(
        name=path.stem,
        path=path,
        sdks=constants["SDKS"],
        extra=constants.get("EXTRA", ()),
        needs=constants.get("NEEDS", ()),
        arguments=constants.get("ARGUMENTS", {}),
        secrets=constants.get("SECRETS", {}),
        config_maps=constants.get("CONFIG_MAPS", {}),
        expect=constants["EXPECT"],
    )


def all_programs() -> list[Program]:
    """Return every program, by name."""
    return [read_program(path) for path in sorted(FOLDER.glob("*.py"))]


def cases() -> list[tuple[Program, str]]:
    """Return every program with every SDK that can compile it."""
    return [(program, sdk) for program in all_programs() for sdk in program.sdks]


class CompiledPrograms:
    """Compiles the programs of an environment together, because importing the SDK costs more than compiling."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._failures: dict[tuple[str, ...], dict[str, str]] = {}

    def path(self, program: Program, sdk: str) -> Path:
        """Return the compiled file; fails with the SDK's traceback when the program does not compile."""
        requirements = program.requirements(sdk)
        if requirements not in self._failures:
            batch = [other for other in all_programs() if sdk in other.sdks and other.extra == program.extra]
            self._failures[requirements] = self._compile(requirements, sdk, batch)
        failure = self._failures[requirements].get(str(program.path))
        assert failure is None, f"{program.name} does not compile with kfp {sdk}:\n{failure}"
        return self._target(program, sdk)

    def _target(self, program: Program, sdk: str) -> Path:
        return self._folder / sdk / f"{program.name}.yaml"

    def _compile(self, requirements: Sequence[str], sdk: str, batch: Sequence[Program]) -> dict[str, str]:
        (self._folder / sdk).mkdir(parents=True, exist_ok=True)
        jobs = json.dumps([(str(program.path), str(self._target(program, sdk))) for program in batch])
        done = subprocess.run(
            [str(client_python(*requirements)), "-W", "ignore", "-c", _COMPILE, jobs],
            env=client_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        failures: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return failures
