"""Exports that are asked with `strict=1`, as by `penstock ls`: what a list cannot be sorted, grouped or narrowed by is refused.

Pages pass over such words, because an address may be of an earlier version or of another list; who writes them by hand wants to know.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.tracking import TrackedProject
from penstock.interfaces.run_tables import CATALOG_GROUPINGS
from penstock.web.lists.filters import parse, query_of
from penstock.web.pages.artifacts import collections, stored
from penstock.web.pages.flows import runs as flows
from penstock.web.pages.runs import executions
from penstock.web.pages.runs import table as run_table
from penstock.web.pages.system import trash
from penstock.web.pages.tracking import projects, workspace
from penstock.web.services.tracking import TrackingServices
from penstock.web.services.web import WebServices
from penstock.web.tracking.filters import COLUMN_FIELDS

_MOST_KEYS = 2000
"""Keys of a project that are looked at; of more nobody knows whether one is not there."""
_MOST_NAMED = 20
"""Keys that a refusal names."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a list can be asked for."""

    sorts: Sequence[str]
    """Names of its orders."""
    groups: Sequence[str] = ()
    """What groups it."""
    keys: Sequence[str] = ()
    """What stands before the dot of keys that sort it."""
    group_keys: Sequence[str] = ()
    """What stands before the dot of keys that group it."""
    chips: Sequence[str] | None = None
    """Fields that narrow it; None: any other field is a key of its rows."""
    has_archive: bool = False
    """Whether it has archived rows."""


def _names(groupings: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(name for name, _ in groupings if name)


_LISTS: Mapping[str, _Known] = {
    "runs": _Known(
        ("created", "finished", "duration", "name", "state", "tasks", "cached", "pipeline", "experiment", "recurring"),
        _names(run_table.GROUPINGS), ("metric", "param", "text", "tag"), ("param", "parameter", "tag"), has_archive=True,
    ),
    "executions": _Known(
        ("created", "started", "duration", "name", "state", "component", "run", "pipeline", "worker", "code", "id", "path", "position",
         "attempts", "why"),
        _names(executions.GROUPINGS), ("in", "out", "metric"),
    ),
    "artifacts": _Known(("created", "name", "type", "size", "id", "uri", "run", "task"), _names(stored.GROUPINGS), ("meta",)),
    "collections": _Known(tuple(collections.COLUMNS.names), _names(collections.GROUPINGS), ("meta",)),
    "pipelines": _Known(
        ("created", "name", "version", "last", "state", "median", "schedules", "tags"), CATALOG_GROUPINGS["pipelines"],
        group_keys=("tag",), chips=("name", "description", "created", "started", "last", "tag", "version", "versions", "schedules"),
    ),
    "experiments": _Known(
        ("activity", "created", "name", "description", "runs", "last"), CATALOG_GROUPINGS["experiments"], ("best", "least"),
        chips=("name", "description", "created", "started", "last", "activity", "runs"), has_archive=True,
    ),
    "recurring": _Known(
        ("created", "name", "state", "kind", "last", "pipeline", "experiment", "concurrency", "start", "end"),
        CATALOG_GROUPINGS["recurring"],
        chips=("name", "description", "created", "started", "last", "status", "enabled", "kind", "pipeline", "experiment", "concurrency"),
    ),
    "projects": _Known(
        tuple(projects.COLUMNS.names), _names(projects.GROUPINGS), chips=tuple(projects.COLUMNS.names),
    ),
    "registry": _Known(
        tuple(projects.COLUMNS.names), _names(projects.REGISTRY_GROUPINGS), chips=tuple(projects.COLUMNS.names),
    ),
    "flows": _Known(("started", "run", "status", "duration", "tasks", "user", "tags"), tuple(flows.GROUPINGS), ("param",)),
    "trash": _Known(trash.FILTER_FIELDS, _names(trash.GROUPINGS), chips=trash.FILTER_FIELDS),
}  # fmt: skip


async def check_list(services: WebServices, name: str, request: Request) -> None:
    """Refuse what the list of this name does not know, if the request is strict.

    Raises:
        InvalidArgumentError: it is sorted, grouped or narrowed by something that it does not have, or has no archived rows.
    """
    wanted = request.query_params
    if wanted.get("strict") != "1" or name not in _LISTS:
        return
    known = _LISTS[name]
    metrics = frozenset(await services.runs.metric_names()) if _key_of(wanted.get("sort", ""))[0] in {"metric", "best", "least"} else ()
    _check_sort(name, known, wanted.get("sort", "").removeprefix("-"), metrics)
    if (group := wanted.get("group")) and not (name == "runs" and await _is_parameter(services, request, group)):
        _check_key(f"{name} are not grouped by", group, known.groups, known.group_keys)
    if wanted.get("tab") == "archived" and not known.has_archive:
        raise InvalidArgumentError(f"{name} are not archived; {' and '.join(one for one in _LISTS if _LISTS[one].has_archive)} are")
    for condition in parse(wanted.get("q", "")[:2000])[1] if known.chips is not None else ():
        _check_key(f"{name} are not narrowed by", condition.field, known.chips or (), ())


async def check_tracked(tracking: TrackingServices, project: TrackedProject, request: Request) -> None:
    """Refuse what the tracked runs of a project are not sorted or grouped by, if the request is strict.

    Raises:
        InvalidArgumentError: there is no such field, or no run has such a key.
    """
    wanted = request.query_params
    if wanted.get("strict") != "1":
        return
    title = f"tracked runs of {project.entity}/{project.name}"
    for group in filter(None, wanted.get("group", "").split(",")):
        _check_key(f"{title} are not grouped by", group, _names(workspace.GROUPS), ("config",))
    if wanted.get("tab") == "archived":
        raise InvalidArgumentError(f"{title} are not archived; runs and experiments are")
    sort = wanted.get("sort", "").removeprefix("-")
    if not sort or sort in COLUMN_FIELDS:
        return
    kind, key = _key_of(sort)
    words = {"config": "c.", "c": "c.", "summary": "s."}
    asked = f"{words[kind]}{key}" if kind in words and key else f"s.{sort}"
    keys = await tracking.pages.keys(project.project_id, limit=_MOST_KEYS)
    if keys and len(keys) < _MOST_KEYS and asked not in keys and f"h.{asked[2:]}" not in keys:
        own = [name[2:] if name.startswith("s.") else f"config.{name[2:]}" for name in keys if name[:2] in {"s.", "c."} and name[2] != "_"]
        raise _refused(f"{title} are not sorted by", sort, [*COLUMN_FIELDS, *own[:_MOST_NAMED]], ("config", "summary"))


async def _is_parameter(services: WebServices, request: Request, name: str) -> bool:
    """Whether one of the runs that match has a parameter of this name."""
    found = await services.run_tables.groups(query_of(request, now=services.clock.now()), name[:200], [])
    return any(group.value is not None for group in found.groups)


def _check_sort(name: str, known: _Known, sort: str, metrics: Collection[str]) -> None:
    if not sort:
        return
    kind, key = _key_of(sort)
    if key and kind in {"metric", "best", "least"} and kind in known.keys and key not in metrics:
        known_names = f"runs have {', '.join(sorted(metrics)[:_MOST_NAMED])}" if metrics else "runs have none yet"
        raise InvalidArgumentError(f"no run has the metric {key[:80]!r}; {known_names}")
    _check_key(f"{name} are not sorted by", sort, known.sorts, known.keys)


def _check_key(refusal: str, field: str, names: Sequence[str], keys: Sequence[str]) -> None:
    kind, key = _key_of(field)
    if field not in names and not (kind in keys and key):
        raise _refused(refusal, field, names, keys)


def _refused(refusal: str, field: str, names: Sequence[str], keys: Sequence[str]) -> InvalidArgumentError:
    return InvalidArgumentError(f"{refusal} {field[:80]!r}, but by {', '.join([*names, *(f'{one}.NAME' for one in keys)])}")


def _key_of(field: str) -> tuple[str, str]:
    kind, _, key = field.removeprefix("-").partition(".")
    return kind, key
