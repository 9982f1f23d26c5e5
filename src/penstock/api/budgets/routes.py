"""Addresses of budgets. Errors have the envelope of the pipeline API (grpc codes), so that one client reads both.

`PUT {"hours": 20, "period": "week", "bytes": 1000000000}` sets what is allowed; what is null or left out is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from penstock.api.bodies import read_object
from penstock.api.http import envelope, status_of
from penstock.budgets.service import BudgetService, BudgetView
from penstock.domain.accounts import Caller
from penstock.domain.budgets import BudgetPeriod, BudgetReading, BudgetScope
from penstock.domain.errors import InvalidArgumentError, NotFoundError, PenstockError
from penstock.domain.ids import PipelineId
from penstock.pipelines.pipelines import PipelineService
from penstock.tracking.accounts import AccountService
from penstock.tracking.projects import ProjectService

PREFIX = "/apis/penstock/v1/budgets"
_MOST_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class BudgetApi:
    """What the adapter works with."""

    budgets: BudgetService
    pipelines: PipelineService
    projects: ProjectService
    accounts: AccountService
    caller: Callable[[Request], Caller]
    """Who sent a request."""


Handler = Callable[[BudgetApi, Request], Awaitable[Any]]


def routes(services: BudgetApi) -> list[BaseRoute]:
    """Return the routes of the adapter."""
    places = (f"{PREFIX}/pipelines/{{pipeline_id}}", f"{PREFIX}/projects/{{entity}}/{{project}}")
    table: list[tuple[str, str, Handler]] = [("GET", PREFIX, _list)]
    for place in places:
        table += [("GET", place, _get), ("PUT", place, _put), ("DELETE", place, _delete)]
    return [Route(path, partial(_answer, services, handler), methods=[method]) for method, path, handler in table]


async def _answer(services: BudgetApi, handler: Handler, request: Request) -> Response:
    try:
        body, status = await handler(services, request), 200
    except PenstockError as error:
        refusal = status_of(error)
        body, status = envelope(refusal.code, str(error)), refusal.http
    return Response(orjson.dumps(body), status_code=status, media_type="application/json", headers={"cache-control": "no-store"})


async def _scope(services: BudgetApi, request: Request, *, is_change: bool) -> tuple[BudgetScope, str]:
    """Return what the address names, once it is known to be there and the caller's to read, or to change."""
    parts = request.path_params
    if "pipeline_id" in parts:
        return BudgetScope.PIPELINE, (await services.pipelines.get(PipelineId(parts["pipeline_id"]))).pipeline_id
    entity, caller = parts["entity"], services.caller(request)
    project = await services.projects.get(entity, parts["project"])
    if project is None or not await asyncio.to_thread(services.accounts.is_readable, caller, entity):
        raise NotFoundError(f"There is no project {entity}/{parts['project']}.")
    if is_change:
        await asyncio.to_thread(services.accounts.check_writable, caller, entity)
    return BudgetScope.PROJECT, str(project.project_id)


async def _list(services: BudgetApi, request: Request) -> Any:
    caller, shown = services.caller(request), []
    for view in await services.budgets.all():
        entity = view.named.entity
        if not entity or await asyncio.to_thread(services.accounts.is_readable, caller, entity):
            shown.append(_to_wire(view))
    return {"budgets": shown}


async def _get(services: BudgetApi, request: Request) -> Any:
    view = await services.budgets.of(*await _scope(services, request, is_change=False))
    if view is None:
        raise NotFoundError("There is no budget.")
    return _to_wire(view)


async def _put(services: BudgetApi, request: Request) -> Any:
    scope, scope_id = await _scope(services, request, is_change=True)
    fields = await read_object(request, _MOST_BODY)
    hours, size = fields.get("hours"), fields.get("bytes")
    if hours is not None and (isinstance(hours, bool) or not isinstance(hours, int | float)):
        raise InvalidArgumentError("hours: a number, or null")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int)):
        raise InvalidArgumentError("bytes: a whole number, or null")
    await services.budgets.set(
        scope,
        scope_id,
        hours=None if hours is None else float(hours),
        period=str(fields.get("period") or BudgetPeriod.MONTH.value),
        size_bytes=size,
        user_name=services.caller(request).user_name,
    )
    view = await services.budgets.of(scope, scope_id)
    return _to_wire(view) if view is not None else {}


async def _delete(services: BudgetApi, request: Request) -> Any:
    scope, scope_id = await _scope(services, request, is_change=True)
    user = services.caller(request).user_name
    await services.budgets.set(scope, scope_id, hours=None, period=BudgetPeriod.MONTH.value, size_bytes=None, user_name=user)
    return {}


def _to_wire(view: BudgetView) -> dict[str, Any]:
    budget = view.named.budget
    return {
        "scope": budget.scope.value,
        "id": budget.scope_id if budget.scope is BudgetScope.PIPELINE else f"{view.named.entity}/{view.named.name}",
        "name": view.named.name,
        "hours": budget.hours,
        "period": budget.period.value,
        "bytes": budget.size_bytes,
        "set_by": budget.user_name,
        "readings": [_reading_to_wire(reading) for reading in view.readings],
    }


def _reading_to_wire(reading: BudgetReading) -> dict[str, Any]:
    return {
        "measure": reading.measure,
        "used": reading.used,
        "allowed": reading.allowed,
        "expected": reading.expected,
        "ends_at": reading.ends_at,
        "state": reading.state,
    }
