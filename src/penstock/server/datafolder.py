"""The data folder as the server and the command line see it: who holds it, where its server listens, its first key.

`server.lock` is held with `flock` for the life of the server, so that a killed one leaves nothing to clean up. `server.json`
says where the server listens; it is written when it is ready and removed on a clean stop, and readers check the lock too.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from penstock.domain.errors import ConflictError, UnavailableError

_LOCK = "server.lock"
_ADDRESS = "server.json"
_KEY = "api-key"
_SECRET = "secret"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where the server of a data folder is."""

    url: str
    """As clients should use it."""
    pid: int
    version: str
    started_at: float
    """Seconds since the epoch."""
    flows_prefix: str = "flows"
    """First part of the addresses of flows that clients print."""


class FolderLock:
    """Exclusive hold on a data folder for the life of a server process."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file: int | None = None

    def __enter__(self) -> FolderLock:
        """Take the lock; the folder is made when missing.

        Raises:
            ConflictError: another server holds it; the message says which.
            UnavailableError: it cannot be made or written to.
        """
        try:
            self._take()
        except OSError as error:
            raise UnavailableError(f"the data folder {self._data_dir} cannot be used: {error.strerror or error}") from error
        return self

    def _take(self) -> None:
        self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._data_dir / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 64).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            address = read_address(self._data_dir)
            where = f" at {address.url}" if address else ""
            raise ConflictError(f"the data folder {self._data_dir} is held by the server with process id {holder}{where}") from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._file = descriptor
        (self._data_dir / _ADDRESS).unlink(missing_ok=True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give the folder back."""
        if self._file is not None:
            (self._data_dir / _ADDRESS).unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


def is_locked(data_dir: Path) -> bool:
    """Whether a living server holds the folder."""
    try:
        descriptor = os.open(data_dir / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def write_address(data_dir: Path, address: ServerAddress) -> None:
    """Publish where the server listens; readers never see half a file."""
    target = data_dir / _ADDRESS
    draft = target.with_suffix(".new")
    draft.write_text(json.dumps(asdict(address)) + "\n", encoding="utf-8")
    draft.replace(target)


def read_address(data_dir: Path) -> ServerAddress | None:
    """Return where the folder's server listens, or None when nothing was published (also after a kill and a new start)."""
    try:
        return ServerAddress(**json.loads((data_dir / _ADDRESS).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def running_server(data_dir: Path) -> ServerAddress | None:
    """Return the address of the living server of the folder, or None when there is none or it is not ready."""
    return read_address(data_dir) if is_locked(data_dir) else None


def read_key(data_dir: Path) -> str | None:
    """Return the folder's first API key, or None before the first start."""
    try:
        return (data_dir / _KEY).read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None


def write_key(data_dir: Path, key: str) -> None:
    """Keep the first API key where only the owner of the folder can read it."""
    _write_private(data_dir / _KEY, key)


def read_secret(data_dir: Path) -> bytes | None:
    """Return the server's secret, from which signatures are derived, or None before the first start."""
    try:
        return bytes.fromhex((data_dir / _SECRET).read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def ensure_secret(data_dir: Path) -> bytes:
    """Return the server's secret, made when there is none. Call while holding the folder's lock."""
    kept = read_secret(data_dir)
    if kept is None:
        kept = secrets.token_bytes(32)
        _write_private(data_dir / _SECRET, kept.hex())
    return kept


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
    draft.replace(path)
