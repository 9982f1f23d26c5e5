"""The state of this process for the System page (`interfaces.system_status.StatusSource`), and who asks it for what."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.executors.process import gpus
from penstock.executors.process.environment_list import folder_size, list_environments
from penstock.executors.process.executor import ProcessExecutor
from penstock.interfaces.clock import Clock
from penstock.interfaces.system_status import ClientItem, EnvironmentItem, ErrorItem, FolderItem, ServiceItem, SlotsItem, SystemStatus

LOOPS: Mapping[str, str] = {
    "Run engine": "penstock-driver",
    "Recurring runs": "penstock-recurrence",
    "Event triggers": "penstock-triggers",
    "Tracked runs": "tracking-timer",
    "Automations": "automations",
    "Flow heartbeats": "flow-reaper",
    "Flow values": "flow-values",
    "Trash": "penstock-trash",
    "Budgets": "penstock-budgets",
    "Retention": "penstock-retention",
    "Removal of unused files": "blob-collector",
}
"""Service -> name of its asyncio task. A loop that failed or was never started is not among the tasks of the process."""

_FOLDER_SECONDS = 60.0
_MAX_CLIENTS = 200
_BOTO_DETAILS = re.compile(r" (?:m/\S+|cfg/\S+)")
"""What botocore says of single requests in its user agent; the client is the same."""
_SURFACES: Sequence[tuple[str, str]] = (
    ("/apis/v2beta1/", "kfp"),
    ("/pipeline/apis/v2beta1/", "kfp"),
    ("/apis/v1beta1/", "kfp_v1"),
    ("/pipeline/apis/v1beta1/", "kfp_v1"),
    ("/apis/penstock/", "penstock"),
    ("/metaflow/", "metaflow"),
    ("/s3", "s3"),
    ("/graphql", "wandb"),
    ("/files/", "wandb"),
    ("/storage/", "wandb"),
)
"""Beginning of an address -> whose it is."""
_PASSWORD = re.compile(r"://[^/@\s]+@")


class ClientCounter:
    """ASGI middleware that counts requests of programs by user agent, in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, ClientItem] = {}

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return `app`, counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                self._note(Headers(scope=scope).get("user-agent", ""), scope["path"])
            await app(scope, receive, send)

        return counted

    def list(self) -> list[ClientItem]:
        """Return what was seen, the last first."""
        return sorted(self._seen.values(), key=lambda item: -item.last_seen_at)

    def _note(self, agent: str, path: str) -> None:
        agent = _BOTO_DETAILS.sub("", agent)[:200]
        known = self._seen.get(agent)
        if not agent or agent.startswith("Mozilla/") or (known is None and len(self._seen) >= _MAX_CLIENTS):
            return
        surface = next((name for beginning, name in _SURFACES if path.startswith(beginning)), "pages")
        surfaces = known.surfaces if known else ()
        if surface not in surfaces:
            surfaces = tuple(sorted((*surfaces, surface)))
        self._seen[agent] = ClientItem(agent, (known.requests if known else 0) + 1, self._clock.now(), surfaces)


class ProcessStatus:
    """`StatusSource` of this process. Lives on one event loop."""

    def __init__(
        self,
        data: Path,
        executor: ProcessExecutor,
        clients: ClientCounter,
        errors: Callable[[], Sequence[ErrorItem]],
        *,
        switched_off: Sequence[str] = (),
    ) -> None:
        """Tell about the folder `data` and the tasks of `executor`; services that are `switched_off` are named, and not looked for."""
        self._errors = errors
        self._loops = {name: loop for name, loop in LOOPS.items() if name not in switched_off}
        self._off = tuple(switched_off)
        self._data = data
        self._executor = executor
        self._clients = clients
        self._measured: tuple[float, list[FolderItem], list[EnvironmentItem]] | None = None
        self._measuring = asyncio.Lock()

    async def status(self) -> SystemStatus:
        """See `StatusSource`."""
        folders, environments = await self._sizes()
        devices = await asyncio.to_thread(gpus.devices) if gpus.program() else ()
        return SystemStatus(self.services(), self.slots(), environments, folders, self._clients.list(), self._errors(), devices, self._off)

    def services(self) -> Sequence[ServiceItem]:
        """See `StatusSource`."""
        alive = {task.get_name() for task in asyncio.all_tasks()}
        return [ServiceItem(name, loop in alive) for name, loop in self._loops.items()]

    def slots(self) -> SlotsItem:
        """See `StatusSource`."""
        return self._executor.load

    def disk(self) -> tuple[int, int]:
        """See `StatusSource`."""
        usage = shutil.disk_usage(self._data)
        return usage.free, usage.total

    async def _sizes(self) -> tuple[list[FolderItem], list[EnvironmentItem]]:
        async with self._measuring:
            if self._measured is None or time.monotonic() - self._measured[0] > _FOLDER_SECONDS:
                folders, environments = await asyncio.to_thread(_measure, self._data)
                self._measured = (time.monotonic(), folders, environments)
            return self._measured[1], self._measured[2]


def without_passwords(text: str) -> str:
    """Return a text without the passwords of addresses in it."""
    return _PASSWORD.sub("://…@", text)


def shown_setting(name: str, value: Any) -> Any:
    """Return a setting as pages may show it: without passwords in addresses and without values of variables."""
    if isinstance(value, tuple):
        return tuple(shown_setting(name, entry) for entry in value)
    if not isinstance(value, str):
        return value
    if name == "executor_environment":
        variable, equals, _ = value.partition("=")
        return f"{variable}=…" if equals else "…"
    return without_passwords(value)


def _measure(data: Path) -> tuple[list[FolderItem], list[EnvironmentItem]]:
    folders = [folder_size(path) for path in data.iterdir() if path.is_dir() and not path.is_symlink()]
    return sorted(folders, key=lambda item: -item.size_bytes), list_environments(data / "envs")
