"""Which Python a task gets: the one its image names if this machine has it, else the server's own.

Found ones are the server's own interpreter, those listed in the settings and `pythonX.Y` on PATH, each asked once who it is.
Version-manager shims that refuse to run are skipped.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.domain.errors import TaskError
from penstock.domain.execution import FailureKind

OLDEST = (3, 8)
"""Code in `inside/` runs on this version and newer."""
_VERSION = re.compile(r"3\.\d+")
_WHO = (
    "import json,sys,sysconfig;print(json.dumps({'version':'%d.%d'%sys.version_info[:2],'full':sys.version.split()[0],"
    "'build':sys.version,'executable':getattr(sys,'_base_executable',sys.executable),'stdlib':sysconfig.get_path('stdlib')}))"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python on this machine."""

    version: str
    """`X.Y`."""
    full_version: str
    """`X.Y.Z`."""
    build: str
    """Tells two builds of one version apart."""
    executable: Path
    stdlib: Path

    @property
    def bundled_pip(self) -> Path | None:
        """The pip wheel that came with this Python; None where a distribution removed it."""
        return next(iter(sorted((self.stdlib / "ensurepip" / "_bundled").glob("pip-*.whl"))), None)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which interpreter was taken, and why if it is not the wanted one."""

    interpreter: Interpreter
    warning: str = ""


class Interpreters:
    """Finds interpreters by version and remembers what it found."""

    def __init__(self, listed: Mapping[str, Path], *, is_strict: bool) -> None:
        """Args: listed: `X.Y` to path, tried before PATH; is_strict: refuse rather than take another version."""
        self._listed = dict(listed)
        self._is_strict = is_strict
        self._found: dict[str, Interpreter | None] = {}
        self.default = _own()
        self._found[self.default.version] = self.default

    async def choose(self, wanted: str | None) -> Choice:
        """Return the interpreter for a task that wants version `wanted` (None: no wish).

        Raises:
            TaskError: strict, and the wanted version is not on this machine (kind ENVIRONMENT).
        """
        if wanted is None or wanted == self.default.version:
            return Choice(self.default)
        if wanted not in self._found:
            self._found[wanted] = await self._find(wanted)
        found = self._found[wanted]
        if found is not None:
            return Choice(found)
        if self._is_strict:
            message = f"Python {wanted} is not available on this machine and another one is not allowed"
            raise TaskError(message, kind=FailureKind.ENVIRONMENT)
        return Choice(self.default, f"the image asks for Python {wanted}, which this machine does not have; {self.default.version} is used")

    async def _find(self, wanted: str) -> Interpreter | None:
        if not _VERSION.fullmatch(wanted) or tuple(int(part) for part in wanted.split(".")) < OLDEST:
            return None
        candidates = [str(self._listed[wanted])] if wanted in self._listed else []
        on_path = shutil.which(f"python{wanted}")
        for candidate in [*candidates, *([on_path] if on_path else [])]:
            found = await identify(candidate)
            if found is not None and found.version == wanted:
                return found
        return None


async def identify(executable: str) -> Interpreter | None:
    """Ask a Python who it is; None if it does not answer."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(executable, "-I", "-c", _WHO),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await asyncio.wait_for(process.communicate(), timeout=20)
        who = json.loads(output)
    except (OSError, ValueError, TimeoutError):
        return None
    return Interpreter(who["version"], who["full"], who["build"], Path(who["executable"]), Path(who["stdlib"]))


async def by_version(executables: tuple[str, ...]) -> dict[str, Path]:
    """Return the given interpreters by the version they report; those that do not run are left out."""
    found = await asyncio.gather(*(identify(executable) for executable in executables))
    return {interpreter.version: interpreter.executable for interpreter in found if interpreter is not None}


def _own() -> Interpreter:
    executable = Path(getattr(sys, "_base_executable", sys.executable))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Interpreter(version, sys.version.split()[0], sys.version, executable, Path(sysconfig.get_path("stdlib")))
