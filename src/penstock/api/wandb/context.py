"""What resolvers and handlers know about the request at hand: services, caller, addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request

from penstock.api.policy import SAFE_METHODS
from penstock.api.wandb.services import WandbServices
from penstock.domain.accounts import Caller, Role
from penstock.domain.tracking import TrackedProject
from penstock.tracking.keys import NewKey

T = TypeVar("T")


@dataclass(slots=True)
class RequestContext:
    """One request. Lives in one worker thread, except for `services`."""

    services: WandbServices
    caller: Caller
    base_url: str
    """Absolute address of the server as the client sees it, prefix included, without trailing slash."""
    loop: asyncio.AbstractEventLoop
    user_agent: str = ""
    client_id: str = ""
    """`X-WANDB-CLIENT-ID` when the run is written by several processes (shared mode)."""
    key_text: str = ""
    """The key that the request came with."""
    speaks_for: str = ""
    """Name or address of the user whom a service account's run is for (`X-WANDB-USERNAME`, `X-WANDB-USER-EMAIL`)."""
    http_status: int = 200
    """Status of the answer; a few errors are known to clients by it."""
    fresh_key: NewKey | None = None
    """The key that this request made, whose text is shown this once."""
    _projects: dict[tuple[str, str], TrackedProject | None] = field(default_factory=dict)
    _readable: dict[str, bool] = field(default_factory=dict)
    _settled: set[int] = field(default_factory=set)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop and return its result; call from a worker thread only."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def signed_url(self, method: str, path: str) -> str:
        """Return an absolute address that authorises `method` on `path` (decoded, from the root of the server).

        Raises:
            RoleNeededError: it would let a caller upload who may only read.
        """
        if method not in SAFE_METHODS:
            self.caller.need(Role.MEMBER)
        services = self.services
        return self.base_url + services.signer.sign(method, path, now=services.clock.now())

    def entity_name(self, name: str | None) -> str:
        """Return `name`, or the caller's default entity when it is missing or empty."""
        return self.services.accounts.resolve(self.caller, name)

    @property
    def author(self) -> str:
        """Who the history of artifacts names for a change: the user, and that a pipeline task did it in their name."""
        return f"{self.caller.user_name} (task)" if self.caller.scope else self.caller.user_name

    @property
    def run_owner(self) -> str:
        """Whose a new run is: the caller's, or of the user that a service account names."""
        accounts = self.services.accounts
        if self.speaks_for and accounts.service_key(self.caller.user_name) is not None:
            named = accounts.find_user(self.speaks_for)
            return self.caller.user_name if named is None else named.name
        return self.caller.user_name

    def can_read(self, entity: str) -> bool:
        """Whether the caller may see what `entity` owns."""
        known = self._readable.get(entity)
        if known is None:
            known = self._readable[entity] = self.services.accounts.is_readable(self.caller, entity)
        return known

    def project(self, entity: str | None, name: str | None) -> TrackedProject | None:
        """Return a project that the caller may see, or None. Looked up once per request."""
        owner = self.entity_name(entity)
        key = (owner, name or "")
        if key not in self._projects:
            found = self.wait(self.services.projects.get(owner, name)) if self.can_read(owner) else None
            self._projects[key] = found
        return self._projects[key]

    def settle_tasks(self, project_id: int) -> None:
        """Make sure that artifacts of a project's pipeline tasks are versions. Once per request."""
        if project_id not in self._settled:
            self._settled.add(project_id)
            self.services.task_versions.settle(project_id)

    def forget_projects(self) -> None:
        """Look projects up again: one was made or changed."""
        self._projects.clear()


def base_url_of(request: Request, public_url: str) -> str:
    """Return the address under which the client reached the server: configured, or from `Host`, proxy headers and prefix."""
    if public_url:
        return public_url.rstrip("/")
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
    host = request.headers.get("x-forwarded-host", request.headers.get("host", request.url.netloc)).split(",")[0].strip()
    prefix = request.headers.get("x-forwarded-prefix", "") or request.scope.get("root_path", "")
    return f"{scheme}://{host}{quote(prefix.rstrip('/'))}"
