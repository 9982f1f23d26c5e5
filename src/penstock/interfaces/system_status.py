"""What a server process says about its own state; read by the System page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ServiceItem:
    """A background service."""

    name: str
    is_running: bool
    """Whether its loop is alive now."""


@dataclass(frozen=True, slots=True)
class SlotsItem:
    """Tasks of this machine now."""

    slots: int
    running: int
    queued: int
    """Ready to run, waiting for a slot, CPU, memory or an accelerator."""


@dataclass(frozen=True, slots=True)
class GpuItem:
    """A GPU of this machine now. What it does not tell is 0."""

    name: str
    uuid: str
    memory_bytes: int
    memory_used_bytes: int
    busy_percent: int


@dataclass(frozen=True, slots=True)
class EnvironmentItem:
    """A Python environment that was built for tasks."""

    environment_id: str
    python: str
    """Full version; empty when the record does not say."""
    packages: Sequence[str]
    """Normalised names."""
    size_bytes: int
    """Of its files; those shared with uv's cache by hard links count here too."""
    last_used_at: float
    """When a task last asked for it, or when it was built."""


@dataclass(frozen=True, slots=True)
class FolderItem:
    """One part of the data folder."""

    name: str
    files: int
    size_bytes: int
    is_whole: bool
    """False: there are more files than were counted."""


@dataclass(frozen=True, slots=True)
class ClientItem:
    """Programs that asked this process for something, by their user agent; browsers are left out."""

    agent: str
    requests: int
    last_seen_at: float
    surfaces: Sequence[str] = ()
    """What it asked for: `kfp`, `kfp_v1`, `wandb`, `metaflow`, `s3`, `penstock`, `pages`; sorted."""


@dataclass(frozen=True, slots=True)
class ErrorItem:
    """An error that this process logged."""

    service: str
    """Name of the background service; empty for the rest of the server."""
    text: str
    cause: str
    """Of the last time; empty without an exception."""
    count: int
    last_at: float


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """Everything at one moment."""

    services: Sequence[ServiceItem]
    slots: SlotsItem
    environments: Sequence[EnvironmentItem]
    """Last used first."""
    folders: Sequence[FolderItem]
    """Largest first."""
    clients: Sequence[ClientItem]
    """Last seen first; since this process started."""
    errors: Sequence[ErrorItem] = ()
    """Last seen first; since this process started."""

    gpus: Sequence[GpuItem] = ()
    switched_off: Sequence[str] = ()
    """Names of services that the settings do not want."""

    def last_error(self, service: str) -> ErrorItem | None:
        """Return the last error of a service, None when it had none."""
        return next((error for error in self.errors if error.service == service), None)


class StatusSource(Protocol):
    """Where the status comes from."""

    async def status(self) -> SystemStatus:
        """Return the status now; sizes of folders may be a minute old."""
        ...

    def services(self) -> Sequence[ServiceItem]:
        """Return the background services."""
        ...

    def slots(self) -> SlotsItem:
        """Return what the executor does."""
        ...

    def disk(self) -> tuple[int, int]:
        """Return bytes free and bytes in all of the disk with the data folder."""
        ...
