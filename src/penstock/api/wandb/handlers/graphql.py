"""`POST /graphql`: decode, execute in a worker thread, encode."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.api.wandb.auth import authenticate, key_of, refusal
from penstock.api.wandb.context import RequestContext, base_url_of
from penstock.api.wandb.nodes import (
    CollectionNode,
    MembershipNode,
    OrganizationNode,
    ProjectNode,
    RunNode,
    TypeNode,
    UserNode,
    VersionNode,
)
from penstock.api.wandb.resolvers import FIELDS
from penstock.api.wandb.services import WandbServices
from penstock.domain.accounts import ApiKey, Entity
from penstock.domain.automations import WebhookIntegration
from penstock.domain.errors import PayloadTooLargeError, UnauthenticatedError

if TYPE_CHECKING:
    from penstock.api.wandb.execution import GraphqlExecutor

_MAX_BODY = 64 << 20
"""`wandb verify` posts 10 MB; a config may have 20."""
_TYPE_NAMES: Mapping[type, str] = {
    RunNode: "Run",
    UserNode: "User",
    ProjectNode: "Project",
    OrganizationNode: "Organization",
    TypeNode: "ArtifactType",
    VersionNode: "Artifact",
    MembershipNode: "ArtifactCollectionMembership",
    CollectionNode: "ArtifactSequence",
    ApiKey: "ApiKey",
    Entity: "Entity",
    WebhookIntegration: "GenericWebhookIntegration",
}


class GraphqlHandler:
    """The endpoint over one executor."""

    def __init__(self, services: WandbServices) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._loaded: GraphqlExecutor | None = None

    async def __call__(self, request: Request) -> Response:
        """Answer one request; a missing or wrong key is 401, everything else that parses is 200."""
        services = self._services
        try:
            caller = authenticate(request, services)
        except UnauthenticatedError as error:
            return refusal(error)
        try:
            body = _decode(await _body(request))
        except PayloadTooLargeError as error:
            return refusal(error, status=413)
        except (ValueError, RecursionError) as error:
            return refusal(ValueError(f"the request is not JSON: {error}"), status=400)
        if not isinstance(body, dict):
            return refusal(ValueError("the request must be a JSON object"), status=400)
        loop = asyncio.get_running_loop()
        agent = request.headers.get("user-agent", "")
        context = RequestContext(
            services=services,
            caller=caller,
            base_url=base_url_of(request, services.public_url),
            loop=loop,
            user_agent=agent,
            speaks_for=request.headers.get("x-wandb-username", "") or request.headers.get("x-wandb-user-email", ""),
            key_text=key_of(request.headers.get("authorization", "")),
            client_id=request.headers.get("x-wandb-client-id", ""),
        )
        answer = await loop.run_in_executor(services.threads, self._run, body, context, agent)
        return Response(answer, status_code=context.http_status, media_type="application/json")

    def _executor(self) -> GraphqlExecutor:
        """Loaded when it is first asked for, by the thread that asks: a server that no such client uses starts without its library."""
        with self._lock:
            if self._loaded is None:
                from penstock.api.wandb.execution import GraphqlExecutor  # noqa: PLC0415 - see above

                self._loaded = GraphqlExecutor(FIELDS, _TYPE_NAMES)
            return self._loaded

    def _run(self, body: Mapping[str, Any], context: RequestContext, agent: str) -> bytes:
        return _encode(self._executor().run(body, context, on_unknown=lambda what: self._services.gaps.note("wandb", what, agent)))


async def _body(request: Request) -> bytes:
    if int(request.headers.get("content-length") or 0) > _MAX_BODY:
        raise PayloadTooLargeError(f"a GraphQL request has at most {_MAX_BODY} bytes")
    pieces: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        pieces.append(chunk)
        size += len(chunk)
        if size > _MAX_BODY:
            raise PayloadTooLargeError(f"a GraphQL request has at most {_MAX_BODY} bytes")
    return b"".join(pieces)


def _decode(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # Python clients may send bare NaN or lone surrogates, which orjson refuses.
        return json.loads(body)


def _encode(answer: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(answer)
    except TypeError:
        # Integers over 64 bits and lone surrogates, which clients can log.
        return json.dumps(answer).encode("ascii")


async def refuse_identity_token(request: Request) -> Response:
    """Answer `POST /oidc/token`: this server knows API keys only."""
    text = "this server does not accept identity tokens; use an API key (`penstock env` prints one)"
    return JSONResponse({"error": "unsupported_grant_type", "error_description": text}, status_code=400)
