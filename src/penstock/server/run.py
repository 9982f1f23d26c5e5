"""Runs the server process: the data folder's lock, the listening socket, uvicorn, signals, the ready line.

Stopping. SIGTERM and SIGINT stop it cleanly: open answers get a short grace, tasks go on for the next server or are ended by
setting, stores are closed, exit code 0. A SIGKILL at any moment loses nothing acknowledged; the next start takes up open runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator

import uvicorn
import uvloop

import penstock
from penstock.domain.errors import ConflictError
from penstock.server.app import build_app, build_parts
from penstock.server.config import Settings
from penstock.server.datafolder import FolderLock, ServerAddress, write_address

_GRACE_SECONDS = 3
_BACKLOG = 2048
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Server(uvicorn.Server):
    """Uvicorn that tells when it is ready and ends with exit code 0 on SIGTERM."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None], on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and not self.should_exit:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets=sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals in the loop; unlike uvicorn's own, do not raise them again after a clean stop."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


def serve(settings: Settings, *, announce: Callable[[ServerAddress], None]) -> int:
    """Run the server until it is told to stop; return the process's exit code.

    Args:
        settings: how to run it.
        announce: called once when requests are answered.

    Raises:
        ConflictError: another server holds the data folder, or the port is taken.
        UnavailableError: a store cannot be opened.
    """
    logging.basicConfig(level=settings.server_log_level.upper(), format=_LOG_FORMAT, stream=sys.stderr)
    with FolderLock(settings.data_dir), contextlib.closing(_listen(settings)) as listener:
        host, port = listener.getsockname()[:2]
        url = settings.server_url.rstrip("/") or f"http://{_printable(host)}:{port}"
        gc.disable()  # until all is built, see `ready`
        parts = build_parts(settings, url=url)
        address = ServerAddress(url, os.getpid(), penstock.__version__, started_at=time.time(), flows_prefix=settings.flows_prefix)

        def ready() -> None:
            write_address(settings.data_dir, address)
            announce(address)
            gc.collect()
            gc.freeze()  # what is loaded by now lives as long as the process; later collections need not look at it
            gc.enable()

        config = uvicorn.Config(
            build_app(parts),
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            h11_max_incomplete_event_size=None,
        )
        server = _Server(config, on_ready=ready, on_stop=parts.notifier.close)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve(sockets=[listener]))
        return 0 if server.started else 1


def _listen(settings: Settings) -> socket.socket:
    """Bind the listening socket.

    Raises:
        ConflictError: the address cannot be bound; the message says why.
    """
    family = socket.AF_INET6 if ":" in settings.server_host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.server_host.strip("[]"), settings.server_port))
    except OSError as error:
        listener.close()
        place = f"{settings.server_host}:{settings.server_port}"
        choice = "port with --port (0 takes a free one)" if error.errno in {errno.EADDRINUSE, errno.EACCES} else "address with --host"
        raise ConflictError(f"cannot listen on {place}: {error.strerror or error}; choose another {choice}") from error
    listener.listen(_BACKLOG)
    return listener


def _printable(host: str) -> str:
    """Return the host part of an address that clients on this machine can open."""
    if host in {"0.0.0.0", "::"}:
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
