"""Python environments of tasks: locked, built once per content, shared by every task that asks for the same.

A request is resolved to a lock (`uv pip compile`, with hashes unless a requirement is a path, a URL or a repository), and the
lock together with the interpreter names the environment `<root>/<id>`. Built aside and renamed into place, so a directory that
exists is whole. `requests/<key>.json` remembers which request led where: after a restart nothing is resolved again.

Tasks cannot change an environment for others: what they install goes to an overlay of their attempt (`inside.child`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from penstock.domain.errors import TaskError
from penstock.domain.execution import EnvironmentRequest, FailureKind
from penstock.executors.process.environment_list import RECORD, touch
from penstock.executors.process.interpreters import Choice, Interpreter, Interpreters
from penstock.executors.process.uv import run_uv

_FORMAT = 1
"""Part of every key; raised when environments of the old layout can no longer be used."""
_UNHASHABLE = re.compile(r"(^|\s)(\.{0,2}/|~)|://|\s@\s|\.(whl|zip|tar\.gz)\b")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """Where packages come from, for every environment of this server."""

    index_urls: tuple[str, ...] = ()
    """The main index first; empty: PyPI, or what uv's own configuration says."""
    find_links: tuple[str, ...] = ()
    """Folders or pages with wheels, looked at besides the indexes."""
    constraints: Path | None = None
    """File of constraints that every environment obeys."""
    is_offline: bool = False
    """Never use the network."""


@dataclass(frozen=True)
class Environment:
    """A built environment, ready to start processes in."""

    environment_id: str
    path: Path
    interpreter: Interpreter
    packages: tuple[str, ...]
    """Normalised names of what is installed by the lock."""
    warning: str = ""
    """Why the Python is not the one that was asked for."""
    build_seconds: float = 0.0
    """0 when it was there already."""

    @cached_property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.path / "bin" / "python"

    @cached_property
    def site_packages(self) -> Path:
        """Where its packages are."""
        return self.path / "lib" / f"python{self.interpreter.version}" / "site-packages"

    def is_there(self) -> bool:
        """Whether nobody has removed it."""
        return os.path.exists(self.python)


@dataclass(frozen=True, slots=True)
class EnvironmentOutlook:
    """What `Environments.prepare` would come upon."""

    state: str
    """`built`, `building`, `missing` (has to be built) or `refused` (a task that asks for it fails)."""
    python: str = ""
    """Full version of the interpreter that would be taken."""
    note: str = ""
    """Why it is refused, or why the Python is not the one that was asked for."""
    last_build_seconds: float | None = None
    """What resolving and building took the last time, if that is known."""


class Environments:
    """Finds or builds the environment for a request. Lives on one event loop."""

    def __init__(self, root: Path, interpreters: Interpreters, settings: EnvironmentSettings) -> None:
        self._root = root
        self._interpreters = interpreters
        self._settings = settings
        self._ready: dict[tuple[EnvironmentRequest, str], Environment] = {}
        self._building: dict[str, asyncio.Task[Environment]] = {}
        self._compiling: set[asyncio.Task[None]] = set()
        self._compile_lock = asyncio.Lock()

    async def prepare(self, request: EnvironmentRequest, note: Callable[[str], None]) -> Environment:
        """Return the environment for `request`, building it if needed; equal requests at the same time wait for one build.

        Args:
            request: what a task asked for.
            note: told in a sentence when this takes time.

        Raises:
            TaskError: the interpreter is refused, or packages are unknown, unsatisfiable or do not build (kind ENVIRONMENT).
        """
        choice = await self._interpreters.choose(request.python)
        memory_key = (request, choice.interpreter.version)
        known = self._ready.get(memory_key)
        if known is not None and known.is_there():
            touch(known.path)
            return known
        key = self._request_key(request, choice.interpreter)
        building = self._building.get(key)
        if building is None:
            building = asyncio.create_task(self._find_or_build(key, request, choice, note))
            self._building[key] = building
            building.add_done_callback(lambda _: self._building.pop(key, None))
        else:
            note("waiting for an environment that another task is having built")
        environment = replace(await asyncio.shield(building), warning=choice.warning)  # another wish may have had it built
        self._ready[memory_key] = environment
        touch(environment.path)
        return environment

    async def foretell(self, request: EnvironmentRequest) -> EnvironmentOutlook:
        """Say what `prepare` would come upon now; resolves and builds nothing, and does not count as a use of the environment."""
        try:
            choice = await self._interpreters.choose(request.python)
            key = await asyncio.to_thread(self._request_key, request, choice.interpreter)
            for line in (*request.requirements, *request.no_deps):
                _check_requirement(line)
        except (TaskError, OSError) as error:
            return EnvironmentOutlook("refused", note=str(error))
        found, seconds = await asyncio.to_thread(self._recorded, key, choice)
        state = "built" if found is not None else "building" if key in self._building else "missing"
        return EnvironmentOutlook(state, choice.interpreter.full_version, choice.warning, seconds)

    @property
    def is_offline(self) -> bool:
        """Whether environments are built without the network."""
        return self._settings.is_offline

    async def close(self) -> None:
        """Give up builds that are under way."""
        tasks = [*self._building.values(), *self._compiling]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find_or_build(self, key: str, request: EnvironmentRequest, choice: Choice, note: Callable[[str], None]) -> Environment:
        found, seconds = self._recorded(key, choice)
        if found is not None:
            return found
        began = time.monotonic()
        wanted = [*request.requirements, *request.no_deps]
        note(f"resolving {len(wanted)} requirement{'s' if len(wanted) != 1 else ''}" if wanted else "making an empty Python environment")
        lock = await self._lock(request, choice.interpreter)
        environment_id = _digest(str(_FORMAT), lock, choice.interpreter.build, str(choice.interpreter.executable))[:24]
        environment = self._existing(environment_id, choice)
        if environment is None:
            building = self._building.get(environment_id)
            if building is None:
                building = asyncio.create_task(self._build(environment_id, lock, request, choice))
                self._building[environment_id] = building
                building.add_done_callback(lambda _: self._building.pop(environment_id, None))
            environment = await asyncio.shield(building)
            seconds = time.monotonic() - began
            note(f"environment {environment_id} built in {seconds:.1f} s: {', '.join(wanted) or 'no packages'}")
        record = {"environment_id": environment_id, "requirements": wanted, "build_seconds": seconds}
        _write_whole(self._record_of(key), json.dumps(record))
        return environment

    def _record_of(self, key: str) -> Path:
        return self._root / "requests" / f"{key}.json"

    def _recorded(self, key: str, choice: Choice) -> tuple[Environment | None, float | None]:
        """Return the environment that a request led to, if it is still there, and what building it took, if that was noted."""
        try:
            record = json.loads(self._record_of(key).read_text(encoding="utf-8"))
            return self._existing(record["environment_id"], choice), record.get("build_seconds")
        except (OSError, ValueError, KeyError):
            return None, None

    def _existing(self, environment_id: str, choice: Choice) -> Environment | None:
        path = self._root / environment_id
        try:
            record = json.loads((path / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not (path / "bin" / "python").exists():
            return None
        return Environment(environment_id, path, choice.interpreter, tuple(record["packages"]), choice.warning)

    async def _lock(self, request: EnvironmentRequest, interpreter: Interpreter) -> str:
        """Return the pinned requirements of everything to install, one after the other; those without dependencies win by name."""
        full, bare = await asyncio.gather(
            self._compile(request, request.requirements, interpreter),
            self._compile(request, request.no_deps, interpreter, "--no-deps"),
        )
        named = {_normalised(entry) for entry in bare}
        return "\n".join([*(entry for entry in full if _normalised(entry) not in named), *bare])

    async def _compile(self, request: EnvironmentRequest, wanted: tuple[str, ...], interpreter: Interpreter, *flags: str) -> list[str]:
        if not wanted:
            return []
        for line in wanted:
            _check_requirement(line)
        arguments = ["pip", "compile", "-", "--quiet", "--python", str(interpreter.executable), "--no-header", "--no-annotate", *flags]
        if not any(_UNHASHABLE.search(line) for line in wanted):
            arguments.append("--generate-hashes")
        with contextlib.ExitStack() as stack:
            if request.constraints:
                file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8"))
                file.write("\n".join(request.constraints))
                file.flush()
                arguments += ["--constraint", file.name]
            if self._settings.constraints is not None:
                arguments += ["--constraint", str(self._settings.constraints)]
            arguments += self._sources(request)
            output = await run_uv(*arguments, stdin="\n".join(wanted), is_offline_only=self._settings.is_offline)
        return _entries(output)

    def _sources(self, request: EnvironmentRequest) -> list[str]:
        urls = request.index_urls or self._settings.index_urls
        arguments = []
        if urls:
            arguments += ["--default-index", urls[0]]
        for url in urls[1:]:
            arguments += ["--index", url]
        if len(urls) > 1:
            arguments += ["--index-strategy", "unsafe-best-match"]  # pip's rule, which the requirement lines were written for
        for host in request.trusted_hosts:
            arguments += ["--allow-insecure-host", host]
        for place in self._settings.find_links:
            arguments += ["--find-links", place]
        return arguments

    async def _build(self, environment_id: str, lock: str, request: EnvironmentRequest, choice: Choice) -> Environment:
        began = time.monotonic()
        self._root.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".building-", dir=self._root))
        offline = self._settings.is_offline
        try:
            place = aside / "env"
            base = str(choice.interpreter.executable)
            await run_uv("venv", "--quiet", "--relocatable", "--python", base, str(place), is_offline_only=True)
            install = ("pip", "install", "--quiet", "--python", str(place / "bin" / "python"), "--no-deps")
            packages = sorted({_normalised(entry) for entry in _entries(lock)})
            if lock:
                (aside / "lock.txt").write_text(lock, encoding="utf-8")
                hashed = all("--hash=" in entry for entry in _entries(lock))
                arguments = ["-r", str(aside / "lock.txt"), *(["--require-hashes"] if hashed else []), *self._sources(request)]
                await run_uv(*install, *arguments, is_offline_only=offline)
            wheel = choice.interpreter.bundled_pip
            if "pip" not in packages and wheel is not None:
                await run_uv(*install, str(wheel), is_offline_only=offline)
            record = {"packages": packages, "python": choice.interpreter.full_version, "lock": lock}
            (place / RECORD).write_text(json.dumps(record), encoding="utf-8")
            final = self._root / environment_id
            if final.exists():  # a broken one: its record was unreadable
                final.rename(aside / "broken")
            place.rename(final)
        except OSError as error:
            raise TaskError(f"the environment cannot be stored: {error.strerror or error}", kind=FailureKind.SYSTEM) from error
        finally:
            await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)
        took = time.monotonic() - began
        environment = Environment(environment_id, final, choice.interpreter, tuple(packages), choice.warning, took)
        task = asyncio.create_task(self._precompile(environment))
        self._compiling.add(task)
        task.add_done_callback(self._compiling.discard)
        return environment

    async def _precompile(self, environment: Environment) -> None:
        """Write bytecode with what the machine has to spare; tasks do not wait for it."""
        async with self._compile_lock:
            process = await asyncio.create_subprocess_exec(
                str(environment.python),
                *("-I", "-c", "import os,sys,compileall; os.nice(19); compileall.compile_dir(sys.argv[1], quiet=2)"),
                str(environment.site_packages),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": os.defpath},
            )
            try:
                await process.wait()
            except asyncio.CancelledError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
                raise

    def _request_key(self, request: EnvironmentRequest, interpreter: Interpreter) -> str:
        settings = self._settings
        common = settings.constraints.read_text(encoding="utf-8") if settings.constraints is not None else ""
        parts = (
            *(sorted(request.requirements), sorted(request.no_deps), sorted(request.constraints)),
            *(request.index_urls, request.trusted_hosts),
            *(settings.index_urls, settings.find_links, common, interpreter.build, str(interpreter.executable), _FORMAT),
        )
        return _digest(json.dumps(parts))[:24]


def locked_packages(root: Path, environment_id: str) -> list[str] | None:
    """Return the pinned requirements of an environment below `root`; None when it is gone. Blocking: reads one file."""
    if not environment_id.isalnum():  # nothing that this module made
        return None
    try:
        record = json.loads((root / environment_id / RECORD).read_text(encoding="utf-8"))
        return [entry.partition("\n")[0].rstrip("\\ ") for entry in _entries(record["lock"])]
    except (OSError, ValueError, KeyError):
        return None


def _check_requirement(line: str) -> None:
    if line.lstrip().startswith("-") or "\n" in line:
        raise TaskError(f"{line!r} is not a requirement", kind=FailureKind.ENVIRONMENT)


def _entries(lock: str) -> list[str]:
    """Split a requirements file into its entries, each with its continuation lines."""
    entries: list[str] = []
    for line in lock.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith((" ", "\t")) and entries:
            entries[-1] += f"\n{line}"
        else:
            entries.append(line)
    return entries


def _normalised(entry: str) -> str:
    match = _NAME.match(entry)
    return re.sub(r"[-_.]+", "-", match.group(0)).lower() if match else entry


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)
