"""The server's side of supervisors (`inside.supervise`): starts them, talks to them, notices when one dies."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import signal
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from penstock.domain.errors import UnavailableError
from penstock.executors.process import inside

_HEADER = struct.Struct(">I")
BOOT = """
import sys, types
for name, path in (("", ""), (".executors", "/executors"), (".executors.process", "/executors/process")):
    module = types.ModuleType("penstock" + name)
    module.__path__ = [sys.argv[1] + path]
    sys.modules["penstock" + name] = module
import json
arguments = sys.argv[2:]
"""
"""Makes `penstock.executors.process.inside` importable in an interpreter that has none of our packages, and nothing else of ours."""
BOOT_SUPERVISOR = BOOT + "from penstock.executors.process.inside.supervise import main\nmain(int(arguments[0]), json.loads(arguments[1]))\n"
BOOT_COLD = BOOT + "from penstock.executors.process.inside.cold import main\nmain(arguments[0])\n"
_INSIDE = Path(inside.__file__).resolve().parent
CODE_ARGUMENTS = (str(_INSIDE.parents[2]),)
"""First arguments of both boots: where the stand-in packages look."""
_SINGLE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
"""Numeric libraries imported before the fork must not start threads."""


@dataclass(frozen=True, slots=True)
class ParentKind:
    """What a supervisor is good for; equal kinds share one process."""

    python: Path
    """Interpreter that runs it."""
    executor: str = ""
    """kfp executor module imported ahead; empty: commands only."""
    is_runtime_mode: bool = False
    is_warm: bool = False
    """Its tasks are Python components that run in forks of it."""
    modules: tuple[str, ...] = ()
    """Further modules imported ahead."""


class Supervisor(asyncio.Protocol):
    """A running supervisor process, reached through a socket pair."""

    def __init__(
        self, kind: ParentKind, on_message: Callable[[Supervisor, dict[str, Any]], None], on_lost: Callable[[Supervisor], None]
    ) -> None:
        self.kind = kind
        self.pid: int | None = None
        self.is_usable = False
        self._on_message = on_message
        self._on_lost = on_lost
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self, log: Path) -> None:
        """Start the process and wait until it is ready for work. Args: log: file for what the process itself has to say.

        Raises:
            UnavailableError: it did not come up; carries what it said.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        settings = {
            "executors": [self.kind.executor] if self.kind.executor else [],
            "modules": self.kind.modules,
            "runtime_mode": self.kind.is_runtime_mode,
            "rehearses": self.kind.is_warm,
        }
        theirs.set_inheritable(True)
        log.parent.mkdir(parents=True, exist_ok=True)
        argv = [str(self.kind.python), "-c", BOOT_SUPERVISOR, *CODE_ARGUMENTS, str(theirs.fileno()), json.dumps(settings)]
        # Symbols are bound before the fork: each task would look them up again, and copy the pages that hold the answers.
        env = {"PATH": os.defpath, "LANG": "C.UTF-8", "LD_BIND_NOW": "1", **_SINGLE_THREAD}
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o644)]
        try:
            with theirs:
                # Not `subprocess`: this child may outlive us, which that module takes for a mistake.
                spawn = functools.partial(os.posix_spawn, argv[0], argv, env)
                self.pid = spawn(file_actions=[*actions, (os.POSIX_SPAWN_DUP2, 1, 2)])
        except OSError as error:
            ours.close()
            raise UnavailableError(f"{self.kind.python} cannot be started: {error.strerror}") from error
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), timeout=120)
        except (ConnectionError, TimeoutError) as error:
            self.close()
            said = await asyncio.to_thread(_tail, log)
            raise UnavailableError(f"the parent process of tasks did not start: {said}") from error

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message; one that cannot be delivered shows as the loss of the supervisor."""
        if self._transport is not None and not self._transport.is_closing():
            body = orjson.dumps(message, option=orjson.OPT_NON_STR_KEYS)
            try:
                self._transport.write(_HEADER.pack(len(body)) + body)
            except RuntimeError:  # closed between the look and the write; uvloop says it this way
                self.is_usable = False

    def close(self) -> None:
        """Hang up: the process takes no more work and leaves when its tasks have ended."""
        self.is_usable = False
        if self._transport is not None:
            self._transport.close()

    def retire(self) -> None:
        """Let its tasks end and report, then hang up."""
        self.send({"op": "retire"})

    def kill(self) -> None:
        """End the process and, with it, its tasks."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        buffer = self._buffer
        buffer += data
        offset = 0
        while len(buffer) - offset >= _HEADER.size:
            (size,) = _HEADER.unpack_from(buffer, offset)
            end = offset + _HEADER.size + size
            if len(buffer) < end:
                break
            message = orjson.loads(memoryview(buffer)[offset + _HEADER.size : end])
            offset = end
            if message["op"] == "ready":
                self.is_usable = True
                if not self._ready.done():
                    self._ready.set_result(None)
            else:
                self._on_message(self, message)
        if offset:
            del buffer[:offset]

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        was_usable, self.is_usable = self.is_usable, False
        if was_usable and self.pid is not None:
            pid, self.pid = self.pid, None
            asyncio.get_running_loop().run_in_executor(None, os.waitpid, pid, 0)
        if not self._ready.done():
            self._ready.set_exception(ConnectionError("hung up"))
            self._ready.exception()  # `start` may already have given up waiting
        if was_usable:
            self._on_lost(self)


def _tail(path: Path) -> str:
    try:
        return path.read_bytes()[-2000:].decode(errors="replace").strip()
    except OSError:
        return ""
