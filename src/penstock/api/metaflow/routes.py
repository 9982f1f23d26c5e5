"""Every URL of the metadata service, in one list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from penstock.api.metaflow.handlers.endpoint import VERSION_HEADER, Handler, answer, guarded, read_body
from penstock.api.metaflow.handlers.facts import FactHandlers
from penstock.api.metaflow.handlers.registry import RegistryHandlers
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.flows.recording import SERVICE_VERSION, FlowRecorder

PREFIX = "/metaflow"
"""Address space of the service: clients are pointed to it by METAFLOW_SERVICE_URL, which may contain a path."""
EVENTS = "/events"
"""Below `PREFIX`: where clients publish named events."""
SECRETS = "/secrets"
"""Below `PREFIX`: where `@secrets` of the extension in a user's own process reads the server's secrets."""

Publish = Callable[[str, Any, str], Awaitable[int]]
"""(name, payload, id of the delivery) -> number of deployments that wait for it."""


SecretReader = Callable[[str, str], Awaitable[Mapping[str, str]]]
"""(API key, name) -> entries of a secret; raises UnauthenticatedError, PermissionDeniedError, NotFoundError, InvalidArgumentError."""


@dataclass(frozen=True, slots=True)
class MetaflowServices:
    """What the adapter needs."""

    recorder: FlowRecorder
    publish: Publish | None = None
    """Takes named events; None: this installation starts nothing."""
    read_secret: SecretReader | None = None
    """Hands secrets to `@secrets`; None: this installation has none."""


async def _ping(request: Request) -> Response:
    """Liveness; the header tells clients which features to use."""
    del request
    return PlainTextResponse("pong", headers={VERSION_HEADER: SERVICE_VERSION})


async def _version(request: Request) -> Response:
    del request
    return PlainTextResponse(SERVICE_VERSION)


async def _health(request: Request) -> Response:
    del request
    return answer({"status": "UP"})


def _publisher(publish: Publish | None) -> Handler:
    """Events of `ArgoEvent(name).publish()`: `{"name": ..., "payload": {"id": ..., ...}}`; a client that tries again sends the same id."""

    async def handle(request: Request) -> Response:
        try:
            event = orjson.loads(await read_body(request))
        except orjson.JSONDecodeError as error:
            raise InvalidArgumentError(f"the body is not JSON: {error}") from error
        if not isinstance(event, dict) or not isinstance(event.get("name"), str) or not event["name"]:
            raise InvalidArgumentError("an event is an object with a name")
        payload = event.get("payload")
        payload = payload if isinstance(payload, dict) else {}
        return answer({"waiting": await publish(event["name"], payload, str(payload.get("id") or "")) if publish is not None else 0})

    return handle


def _secrets(read: SecretReader | None) -> Handler:
    """Entries of a secret (an addition of this server). A key is needed on loopback, too: any process of the machine could ask there."""

    async def handle(request: Request) -> Response:
        name = request.path_params["name"]
        if read is None:
            raise NotFoundError(f"secret {name!r} not found")
        headers = {"cache-control": "no-store"}
        return answer(dict(await read(request.headers.get("x-api-key", ""), name)), headers=headers)

    return handle


async def _unknown(request: Request) -> Response:
    return answer(f"the metadata service has no {request.method} {request.url.path}", status=404)


def routes(services: MetaflowServices) -> list[BaseRoute]:
    """Return the routes, below `PREFIX`."""
    registry, facts = RegistryHandlers(services.recorder), FactHandlers(services.recorder)
    flow, run = "/flows/{flow}", "/flows/{flow}/runs/{run}"
    step = run + "/steps/{step}"
    task = step + "/tasks/{task}"
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/ping", _ping),
        ("GET", "/version", _version),
        ("GET", "/healthcheck", _health),
        ("POST", EVENTS, _publisher(services.publish)),
        ("GET", SECRETS + "/{name}", _secrets(services.read_secret)),
        ("GET", "/flows", registry.list_flows),
        ("GET", flow, registry.get_flow),
        ("POST", flow, registry.add_flow),
        ("GET", flow + "/runs", registry.list_runs),
        ("POST", flow + "/run", registry.add_run),
        ("GET", run, registry.get_run),
        ("POST", run + "/heartbeat", registry.run_heartbeat),
        ("PATCH", run + "/tag/mutate", registry.mutate_tags),
        ("GET", step, registry.get_step),
        ("POST", step + "/step", registry.add_step),
        ("POST", step + "/task", registry.add_task),
        ("GET", task, registry.get_task),
        ("POST", task + "/heartbeat", registry.task_heartbeat),
        ("GET", task + "/artifacts/{name}", facts.get_artifact),
        ("GET", task + "/artifacts/{name}/attempt/{attempt}", facts.get_artifact),
    ]
    lists: list[tuple[str, Handler]] = [
        (run + "/metadata", facts.list_metadata),
        (run + "/artifacts", facts.list_artifacts),
        (run + "/steps", registry.list_steps),
        (step + "/tasks", registry.list_tasks),
        (step + "/filtered_tasks", facts.filtered_tasks),
        (step + "/artifacts", facts.list_artifacts),
        (task + "/metadata", facts.list_metadata),
        (task + "/artifacts", facts.list_artifacts),
        (task + "/attempt/{attempt}/artifacts", facts.list_artifacts),
    ]
    found: list[BaseRoute] = [Route(PREFIX + path, guarded(handler), methods=[method]) for method, path, handler in table]
    found += [Route(PREFIX + path, guarded(handler, is_list=True), methods=["GET"]) for path, handler in lists]
    # Upstream answers 400, not 404, when the run or task of such a post is unknown.
    found.append(Route(PREFIX + task + "/metadata", guarded(facts.add_metadata, missing_parent=400), methods=["POST"]))
    found.append(Route(PREFIX + task + "/artifact", guarded(facts.add_artifacts, missing_parent=400), methods=["POST"]))
    found.append(Route(PREFIX + "/{path:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]))
    return found
