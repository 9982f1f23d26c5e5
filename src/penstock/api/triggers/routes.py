"""Addresses of triggers, webhooks and backfills. Errors have the envelope of the pipeline API (grpc codes), so that one client reads both.

A webhook is called with its own token: `Authorization: Bearer TOKEN`, `x-penstock-token: TOKEN` or `?token=TOKEN`. A delivery that is
answered with 202 is stored; a sender that repeats it under the same `idempotency-key` or `x-github-delivery` starts no second run.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from penstock.api.http import INTERNAL, INTERNAL_MESSAGE, Status, envelope, status_of
from penstock.api.queries import list_request
from penstock.api.triggers import wire
from penstock.domain.catalog import RecurringRun, Trigger
from penstock.domain.errors import (
    InvalidArgumentError,
    PayloadTooLargeError,
    PenstockError,
)
from penstock.domain.ids import RecurringRunId
from penstock.domain.triggers import EventKind
from penstock.pipelines.backfills import BackfillService
from penstock.pipelines.paging import number_before, page_size_of, token_behind
from penstock.pipelines.recurring_runs import RecurringChange, RecurringRunService, new_token
from penstock.pipelines.triggers import TriggerService

PREFIX = "/apis/penstock/v1"
HOOKS = f"{PREFIX}/hooks/"
"""Below it requests need the webhook's token, not an API key."""
MAX_PAYLOAD_BYTES = 256 * 1024
_EVENTS = 100
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TriggerApi:
    """What the adapter works with."""

    recurring_runs: RecurringRunService
    triggers: TriggerService
    backfills: BackfillService
    url: str
    """Address of the server, for the webhooks'."""


Handler = Callable[[TriggerApi, Request], Awaitable[Any]]


def routes(services: TriggerApi) -> list[BaseRoute]:
    """Return the routes of the adapter."""
    one, backfills = f"{PREFIX}/triggers/{{recurring_run_id}}", f"{PREFIX}/recurringruns/{{recurring_run_id}}/backfills"
    table: tuple[tuple[str, str, Handler], ...] = (
        ("POST", f"{PREFIX}/triggers", _create),
        ("POST", f"{one}:test", _test),
        ("POST", f"{one}:token", _renew_token),
        ("GET", f"{one}/events", _events),
        ("GET", one, _get),
        ("PATCH", one, _update),
        ("POST", HOOKS + "{recurring_run_id}", _deliver),
        ("POST", f"{backfills}:plan", _plan),
        ("POST", f"{backfills}/{{backfill_id}}:cancel", _cancel),
        ("POST", backfills, _start),
        ("GET", backfills, _list_backfills),
        ("GET", f"{PREFIX}/recurringruns/{{recurring_run_id}}/changes", _changes),
    )
    return [Route(path, partial(_answer, services, handler), methods=[method]) for method, path, handler in table]


async def _answer(services: TriggerApi, handler: Handler, request: Request) -> Response:
    try:
        body = await handler(services, request)
    except PenstockError as error:
        return _refusal(status_of(error), str(error))
    except Exception:
        # The last line of defence: the client gets an answer, the log gets the story.
        _log.exception("%s %s failed", request.method, request.url.path)
        return _refusal(INTERNAL, INTERNAL_MESSAGE)
    return body if isinstance(body, Response) else _json(body)


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json", headers={"cache-control": "no-store"})


def _refusal(status: Status, message: str) -> Response:
    return _json(envelope(status.code, message), status.http)


async def _payload(request: Request) -> Any:
    """Return the JSON body; a body that is none as text.

    Raises:
        PayloadTooLargeError: it is longer than `MAX_PAYLOAD_BYTES`.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLargeError(f"the body is larger than {MAX_PAYLOAD_BYTES} bytes")
    try:
        return orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")


async def _fields(request: Request) -> Mapping[str, Any]:
    body = await _payload(request)
    if not isinstance(body, Mapping):
        raise InvalidArgumentError("the body has to be a JSON object")
    return body


def _id(request: Request) -> RecurringRunId:
    return RecurringRunId(request.path_params["recurring_run_id"])


def _wire(services: TriggerApi, recurring: RecurringRun, token: str = "") -> dict[str, Any]:
    return wire.trigger_to_wire(recurring, hook_url=f"{services.url}{HOOKS}{recurring.recurring_run_id}", token=token)


async def _create(services: TriggerApi, request: Request) -> Any:
    fields = await _fields(request)
    token, digest = new_token()
    event = wire.event_from_wire(fields.get("event"), token_digest=digest)
    recurring = await services.recurring_runs.create(wire.request_from_wire(fields, event=event))
    return _wire(services, recurring, token if event.kind is EventKind.WEBHOOK else "")


async def _get(services: TriggerApi, request: Request) -> Any:
    return _wire(services, await services.recurring_runs.get(_id(request)))


async def _update(services: TriggerApi, request: Request) -> Any:
    fields = await _fields(request)
    recurring = await services.recurring_runs.get(_id(request))
    event = recurring.trigger.event
    trigger = None
    if "event" in fields:
        trigger = Trigger(event=wire.event_from_wire(fields["event"], token_digest=event.token_digest if event else ""))
    parameters = fields.get("parameters")
    change = RecurringChange(
        display_name=fields.get("display_name"),
        description=fields.get("description"),
        parameters=dict(parameters) if isinstance(parameters, Mapping) else None,
        trigger=trigger,
        max_concurrency=fields.get("max_concurrency"),
        is_enabled=fields.get("is_enabled"),
    )
    return _wire(services, await services.recurring_runs.update(_id(request), change))


async def _renew_token(services: TriggerApi, request: Request) -> Any:
    recurring, token = await services.recurring_runs.renew_token(_id(request))
    return _wire(services, recurring, token)


async def _test(services: TriggerApi, request: Request) -> Any:
    return wire.test_to_wire(await services.triggers.test(_id(request)))


async def _events(services: TriggerApi, request: Request) -> Any:
    """One page of a trigger's history, newest first: at most `page_size` events, 100 when nothing is said."""
    asked = list_request(request)
    list_name, size = f"events of {_id(request)}", page_size_of(asked, default=_EVENTS)
    before = number_before(asked.page_token, list_name)
    found = await services.triggers.history(_id(request), limit=size + 1, before=before)
    events = found[:size]
    token = token_behind(events[-1].event_id, list_name) if len(found) > size else ""
    return {"events": [wire.noted_to_wire(event) for event in events], "next_page_token": token}


async def _deliver(services: TriggerApi, request: Request) -> Any:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else ""
    token = token or request.headers.get("x-penstock-token", "") or request.query_params.get("token", "")
    delivery = request.headers.get("idempotency-key") or request.headers.get("x-github-delivery") or ""
    is_new = await services.triggers.deliver(_id(request), token, await _payload(request), delivery=delivery)
    return _json({"accepted": True, "is_new": is_new}, 202)


def _range(fields: Mapping[str, Any]) -> dict[str, Any]:
    at_once = fields.get("max_concurrency")
    if at_once is not None and not isinstance(at_once, int):
        raise InvalidArgumentError("max_concurrency has to be a number")
    return {
        "from_at": wire.time_from_wire(fields.get("from"), "from"),
        "until_at": wire.time_from_wire(fields.get("until"), "until"),
        "is_again": bool(fields.get("is_again", False)),
        "max_concurrency": at_once,
    }


async def _plan(services: TriggerApi, request: Request) -> Any:
    return wire.plan_to_wire(await services.backfills.plan(_id(request), **_range(await _fields(request))))


async def _start(services: TriggerApi, request: Request) -> Any:
    return wire.backfill_to_wire(await services.backfills.start(_id(request), **_range(await _fields(request))))


async def _cancel(services: TriggerApi, request: Request) -> Any:
    await services.backfills.cancel(_id(request), request.path_params["backfill_id"])
    return {}


async def _list_backfills(services: TriggerApi, request: Request) -> Any:
    return {"backfills": [wire.backfill_to_wire(one) for one in await services.backfills.list(_id(request))]}


async def _changes(services: TriggerApi, request: Request) -> Any:
    return {"changes": [wire.edit_to_wire(edit) for edit in await services.recurring_runs.edits(_id(request))]}
