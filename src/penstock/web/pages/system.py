"""The System page: services, slots, environments, storage, secrets, clients, settings; and the diagnostics bundle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.backups import Backup
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.gaps import Gap
from penstock.interfaces.page_catalog import NewsItem, SlowRead, StorageShare, TableSize
from penstock.interfaces.system_status import SystemStatus
from penstock.pipelines.secrets import SecretEntry
from penstock.web.pages.news import KINDS
from penstock.web.render import Crumb, Frame, Notice, redirect, render
from penstock.web.security import PAGE_HEADERS, check_own_form
from penstock.web.services import WebServices
from penstock.web.system_services import SystemServices
from penstock.web.tracking_services import readable_by

SERVICES = (
    "Run engine",
    "Recurring runs",
    "Event triggers",
    "Tracked runs",
    "Automations",
    "Flow heartbeats",
    "Flow values",
    "Trash",
    "Budgets",
    "Retention",
    "Removal of unused files",
)
"""Names of services as the status gives them; here so that they are translated."""


_RULES = frozenset({"fired", "error", "delivered", "undelivered"})
_WEEK = 7 * 86_400.0
_MOST_NEWS, _MOST_RULES = 600, 30


@dataclass(frozen=True, slots=True)
class SystemPage:
    """Context of `system/system.html`."""

    version: str
    """Of this program."""
    url: str
    """Address that clients use."""
    facts: Mapping[str, Any]
    """What the process says about itself."""
    tables: Sequence[TableSize]
    """Rows per table, most first."""
    database_bytes: int
    artifact_bytes: int
    """Distinct contents only."""
    shares: Sequence[StorageShare] = ()
    """Pipelines and projects that hold most, largest first."""
    slow_reads: Sequence[SlowRead] = ()
    """What took long to read from the database."""
    rules: Sequence[NewsItem] = ()
    """What event triggers and automations of all projects did in the last week, newest first."""
    rule_kinds: Mapping[str, tuple[str, str, str]] = field(default_factory=lambda: KINDS)
    """Words, icon and address of each kind."""
    types: Sequence[StorageShare] = ()
    """Types of artifacts that hold most, largest first."""
    status: SystemStatus | None = None
    """None where the pages are served without a server process."""
    secrets: Sequence[SecretEntry] = ()
    """Secrets, then config maps, by name; never values."""
    gaps: Sequence[Gap] = ()
    """What clients asked for in vain, most seen first."""
    backups: Sequence[Backup] = ()
    """Newest first."""
    can_back_up: bool = False
    """The database lies in the data folder."""
    is_backing_up: bool = False
    """A backup is being made or tried."""
    backup_problem: str = ""
    """Why the last one could not be."""


def _by_name(shares: Sequence[StorageShare]) -> list[StorageShare]:
    """Add up what several entities have of a type."""
    sums: dict[str, StorageShare] = {}
    for share in shares:
        known = sums.get(share.name)
        more = (0, 0) if known is None else (known.contents, known.size_bytes)
        sums[share.name] = StorageShare(share.kind, share.name, share.contents + more[0], share.size_bytes + more[1])
    return sorted(sums.values(), key=lambda share: -share.size_bytes)


async def _page(services: WebServices, request: Request) -> SystemPage:
    tables, database_bytes, artifact_bytes = await services.home.sizes()
    tables = sorted(tables, key=lambda table: -table.rows)
    readable = readable_by(services.tracking, request)
    stored = await services.home.storage()
    seen = [share for share in stored if readable(share.entity)]
    shares = [share for share in seen if share.kind not in {"type", "version_type"}]
    types = [share for share in stored if share.kind == "type"] + _by_name([share for share in seen if share.kind == "version_type"])
    news = await services.home.news(services.clock.now() - _WEEK, limit=_MOST_NEWS)
    rules = [item for item in news if item.kind in _RULES and readable(item.entity)][:_MOST_RULES]
    slow = services.home.slow_reads()
    system = services.system
    if system is None:
        facts = services.facts()
        return SystemPage(services.version, services.url, facts, tables, database_bytes, artifact_bytes, shares, slow, rules, types=types)
    return SystemPage(
        services.version,
        services.url,
        services.facts(),
        tables,
        database_bytes,
        artifact_bytes,
        shares,
        slow,
        rules,
        types=types,
        status=await system.source.status(),
        secrets=[*await system.secrets.list("secret"), *await system.secrets.list("configmap")],
        gaps=await asyncio.to_thread(lambda: system.gaps.list(limit=100)),
        backups=await system.backups.list(),
        can_back_up=system.backups.can_make,
        is_backing_up=system.backups.is_busy,
        backup_problem=system.backups.problem,
    )


async def system_page(services: WebServices, request: Request) -> Response:
    """How the server is doing."""
    frame = Frame("System", "system", (Crumb("System"),))
    return render(services, request, "system/system.html", frame=frame, page=await _page(services, request))


async def diagnostics(services: WebServices, request: Request) -> Response:
    """What the page shows as a JSON file to send to somebody who helps; names of secrets are left out as well."""
    bundle = asdict(await _page(services, request))
    bundle["secrets"] = len(bundle["secrets"])
    bundle["created_at"] = services.clock.now()
    headers = {**PAGE_HEADERS, "content-disposition": 'attachment; filename="penstock-diagnostics.json"'}
    return Response(json.dumps(bundle, indent=1, default=str) + "\n", media_type="application/json", headers=headers)


async def act_on_secrets(services: WebServices, request: Request) -> Response:
    """Set one entry of a secret or config map, or remove it whole.

    Raises:
        InvalidArgumentError: kind, name or key is not valid, or there is no key.
    """
    check_own_form(request)
    form = await request.form()
    secrets = _system(services).secrets
    kind, name, key = (str(form.get(field, "")).strip() for field in ("kind", "name", "key"))
    if form.get("verb") == "remove":
        await secrets.delete(kind, name)
        return redirect("/ui/system#secrets", Notice(f"{name} was removed."))
    if not key:
        raise InvalidArgumentError("An entry needs a key.")
    # Browsers send line ends of a text area as CR LF; keys and certificates are written with LF.
    value = str(form.get("value", "")).replace("\r\n", "\n")
    await secrets.put(kind, name, {key: value.encode()}, merge=True)
    return redirect("/ui/system#secrets", Notice(f"{key} of {name} was set."))


async def act_on_backups(services: WebServices, request: Request) -> Response:
    """Begin a backup, or a trial of restoring one; both go on while the page is shown."""
    check_own_form(request)
    form = await request.form()
    backups = _system(services).backups
    is_trial = form.get("verb") == "check"
    has_begun = backups.begin_check(str(form.get("name", ""))) if is_trial else backups.begin_making()
    if not has_begun:
        return redirect("/ui/system#backups", Notice("A backup is being made already.", "error"))
    return redirect("/ui/system#backups", Notice("The trial has begun." if is_trial else "The backup has begun."))


def _system(services: WebServices) -> SystemServices:
    if services.system is None:
        raise NotFoundError("These pages are served without a server process.")
    return services.system
