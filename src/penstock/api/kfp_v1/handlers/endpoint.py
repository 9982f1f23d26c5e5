"""What all v1beta1 handlers share: bodies, list queries, answers, errors."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from penstock.api.bodies import limited_body, object_of
from penstock.api.http import INTERNAL, INTERNAL_MESSAGE, status_of
from penstock.api.kfp_v1.convert.runs import STATES_OF_STATUS
from penstock.api.kfp_v1.errors import envelope
from penstock.domain.errors import InvalidArgumentError, PenstockError
from penstock.interfaces.listing import Op, Predicate
from penstock.pipelines.paging import ListRequest, OpenList

MAX_BODY_BYTES = 40 * 1024 * 1024

_EQUALITIES = {Op.EQUALS: Op.IN, Op.NOT_EQUALS: Op.NOT_IN, Op.IN: Op.IN}

Handler = Callable[[Request], Awaitable[Response]]
_log = logging.getLogger(__name__)


def answer(value: Any, *, status: int = 200) -> Response:
    """A JSON answer; numbers that JSON lacks become null."""
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")


async def read_limited(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The whole body.

    Raises:
        PayloadTooLargeError: more than `limit` bytes.
    """
    return await limited_body(request.stream(), limit)


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        InvalidArgumentError: it is anything else.
    """
    return object_of(await read_limited(request))


def list_request(request: Request) -> ListRequest:
    """The list query; v1 sends unset values as empty text.

    Raises:
        InvalidArgumentError: the page size is not a number.
    """
    query = request.query_params
    size = query.get("page_size") or "0"
    try:
        number = int(size)
    except ValueError as error:
        raise InvalidArgumentError(f"page_size must be a number, not {size!r}") from error
    return ListRequest(query.get("page_token", ""), number, query.get("sort_by", ""), query.get("filter", ""))


def in_our_words(opened: OpenList) -> OpenList:
    """Translate v1's words for states in the predicates of a list."""
    predicates = tuple(_translated(predicate) for predicate in opened.query.predicates)
    return replace(opened, query=replace(opened.query, predicates=predicates))


def _translated(predicate: Predicate) -> Predicate:
    if predicate.key == "storage_state":
        return replace(predicate, values=tuple(str(value).removeprefix("STORAGESTATE_") for value in predicate.values))
    if predicate.key in {"status", "state"} and predicate.op in _EQUALITIES:
        words = [state.value for value in predicate.values for state in STATES_OF_STATUS.get(str(value).capitalize(), ())]
        return replace(predicate, op=_EQUALITIES[predicate.op], values=tuple(words) or ("",))
    return predicate


def resource_key(request: Request, kind: str) -> str | None:
    """Id of `resource_reference_key.*` (or `resource_key.*`) when it is of `kind`."""
    query = request.query_params
    for prefix in ("resource_reference_key", "resource_key"):
        if query.get(f"{prefix}.type") == kind and query.get(f"{prefix}.id"):
            return query[f"{prefix}.id"]
    return None


def of_resource(request: Request, keys: Mapping[str, str]) -> tuple[Predicate, ...]:
    """The condition that `resource_reference_key.*` asks for, when `keys` names the field that holds ids of its kind."""
    found = ((field, resource_key(request, kind)) for kind, field in keys.items())
    return tuple(Predicate(field, Op.EQUALS, (wanted,)) for field, wanted in found if wanted is not None)


def guarded(handler: Handler) -> Handler:
    """Answer domain errors in the protocol's envelope."""

    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except PenstockError as error:
            status = status_of(error)
            return answer(envelope(str(error), status.code), status=status.http)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:
            # The last line of defence: the client gets an answer in its own words, the log gets the story.
            _log.exception("%s %s failed", request.method, request.url.path)
            return answer(envelope(INTERNAL_MESSAGE, INTERNAL.code), status=INTERNAL.http)

    return wrapped
