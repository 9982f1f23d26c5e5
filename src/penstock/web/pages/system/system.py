"""The System page: services, slots, environments, storage, secrets, clients, settings; and the diagnostics bundle."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.accounts import Role
from penstock.domain.backups import Backup
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.gaps import Gap
from penstock.interfaces.page_catalog import NewsItem, QueueItem, SlowRead, StorageShare, TableSize
from penstock.interfaces.system_status import SystemStatus
from penstock.pipelines.secrets import SecretEntry
from penstock.web.pages.news import KINDS
from penstock.web.render import Crumb, Frame, Notice, redirect, render
from penstock.web.security import PAGE_HEADERS, check_own_form
from penstock.web.services.system import SystemServices
from penstock.web.services.tracking import readable_by, reader_of
from penstock.web.services.web import WebServices
from penstock.web.texts.system_words import FOLDERS, QUEUES, SERVICES, SURFACES, TABLES, Fact, program_of, server_facts, settings_by_room

_RULES = frozenset({"fired", "error", "delivered", "undelivered"})
_WEEK = 7 * 86_400.0
_MOST_NEWS, _MOST_RULES = 600, 30


PARTS: Sequence[tuple[str, str]] = (
    ("now", "Now"),
    ("storage", "Storage"),
    ("backups", "Backups"),
    ("users", "Users and keys"),
    ("secrets", "Secrets"),
    ("rules", "Webhooks and rules"),
    ("clients", "Clients"),
    ("watching", "Metrics and traces"),
    ("environments", "Environments"),
    ("settings", "Settings"),
)
"""Sections that the head of the page leads to: id and name."""


@dataclass(frozen=True, slots=True)
class People:
    """Who may use the server, in numbers."""

    roles: Mapping[Role, int]
    """Users by role, without those that are disabled."""
    disabled: int
    keys: int
    """In force."""
    invites: int
    """That wait to be accepted."""


@dataclass(frozen=True, slots=True)
class SystemPage:
    """Context of `system/system.html`."""

    version: str
    """Of this program."""
    url: str
    """Address that clients use."""
    facts: Mapping[str, Any]
    """What the process says about itself, by keys: for the bundle."""
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
    queues: Sequence[QueueItem] = ()
    """What waits for background services."""
    people: People | None = None
    """None without tracking."""
    disk: tuple[int, int] | None = None
    """Bytes free and bytes in all where the data folder is."""

    @property
    def words(self) -> SystemWords:
        """What it has by keys, in words."""
        return words_of(self)


@dataclass(frozen=True, slots=True)
class SystemWords:
    """The same in words, for the page alone."""

    parts: Sequence[tuple[str, str]]
    facts: Sequence[Fact]
    """Of the process."""
    settings: Sequence[tuple[str, Sequence[Fact]]]
    """By section."""
    programs: Mapping[str, str]
    """User agent -> name and version of a client, where it is one of ours."""
    services: Mapping[str, str] = field(default_factory=lambda: SERVICES)
    folders: Mapping[str, str] = field(default_factory=lambda: FOLDERS)
    tables: Mapping[str, str] = field(default_factory=lambda: TABLES)
    queues: Mapping[str, str] = field(default_factory=lambda: QUEUES)
    surfaces: Mapping[str, str] = field(default_factory=lambda: SURFACES)


def words_of(page: SystemPage) -> SystemWords:
    """Return the words for what the page has by keys."""
    clients = page.status.clients if page.status is not None else ()
    return SystemWords(
        PARTS if page.status is not None else [part for part in PARTS if part[0] in {"now", "storage", "rules", "settings"}],
        server_facts(page.facts),
        settings_by_room(page.facts.get("settings") or {}, page.facts.get("changed") or ()),
        {item.agent: program_of(item.agent, item.surfaces) for item in clients},
    )


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
    news = await services.home.news(services.clock.now() - _WEEK, limit=_MOST_NEWS, reader=reader_of(services.tracking, request))
    rules = [item for item in news if item.kind in _RULES][:_MOST_RULES]
    slow = services.home.slow_reads()
    page = SystemPage(
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
        queues=await services.home.queues(),
    )
    system = services.system
    if system is None:
        return page
    return replace(
        page,
        people=await asyncio.to_thread(_people, services),
        disk=system.source.disk(),
        status=await system.source.status(),
        secrets=[*await system.secrets.list("secret"), *await system.secrets.list("configmap")],
        gaps=await asyncio.to_thread(lambda: system.gaps.list(limit=100)),
        backups=await system.backups.list(),
        can_back_up=system.backups.can_make,
        is_backing_up=system.backups.is_busy,
        backup_problem=system.backups.problem,
    )


def _people(services: WebServices) -> People | None:
    tracking = services.tracking
    if tracking is None:
        return None
    keys = tracking.keys.list()
    accounts = tracking.accounts.accounts(keys)
    counts = Counter(account.role for account in accounts if account.disabled_at is None)
    disabled = sum(1 for account in accounts if account.disabled_at is not None)
    return People({role: counts[role] for role in Role if counts[role]}, disabled, len(keys), len(tracking.invites.list()))


async def system_page(services: WebServices, request: Request) -> Response:
    """How the server is doing."""
    frame = Frame("System", "system", (Crumb("System"),), live="")
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
