"""Every URL of the metadata service, in one list."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from penstock.api.metaflow.handlers.endpoint import Handler, answer, guarded
from penstock.api.metaflow.handlers.facts import FactHandlers
from penstock.api.metaflow.handlers.registry import RegistryHandlers
from penstock.flows.recording import SERVICE_VERSION, FlowRecorder

PREFIX = "/metaflow"
"""Address space of the service: clients are pointed to it by METAFLOW_SERVICE_URL, which may contain a path."""


@dataclass(frozen=True, slots=True)
class MetaflowServices:
    """What the adapter needs."""

    recorder: FlowRecorder


async def _ping(request: Request) -> Response:
    """Liveness; the header tells clients which features to use."""
    del request
    return PlainTextResponse("pong", headers={"METADATA_SERVICE_VERSION": SERVICE_VERSION})


async def _version(request: Request) -> Response:
    del request
    return PlainTextResponse(SERVICE_VERSION)


async def _health(request: Request) -> Response:
    del request
    return answer({"status": "UP"})


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
        ("GET", "/flows", registry.list_flows),
        ("GET", flow, registry.get_flow),
        ("POST", flow, registry.add_flow),
        ("GET", flow + "/runs", registry.list_runs),
        ("POST", flow + "/run", registry.add_run),
        ("GET", run, registry.get_run),
        ("POST", run + "/heartbeat", registry.run_heartbeat),
        ("PATCH", run + "/tag/mutate", registry.mutate_tags),
        ("GET", run + "/metadata", facts.list_metadata),
        ("GET", run + "/artifacts", facts.list_artifacts),
        ("GET", run + "/steps", registry.list_steps),
        ("GET", step, registry.get_step),
        ("POST", step + "/step", registry.add_step),
        ("GET", step + "/tasks", registry.list_tasks),
        ("GET", step + "/filtered_tasks", facts.filtered_tasks),
        ("GET", step + "/artifacts", facts.list_artifacts),
        ("POST", step + "/task", registry.add_task),
        ("GET", task, registry.get_task),
        ("POST", task + "/heartbeat", registry.task_heartbeat),
        ("GET", task + "/metadata", facts.list_metadata),
        ("GET", task + "/artifacts", facts.list_artifacts),
        ("GET", task + "/attempt/{attempt}/artifacts", facts.list_artifacts),
        ("GET", task + "/artifacts/{name}", facts.get_artifact),
        ("GET", task + "/artifacts/{name}/attempt/{attempt}", facts.get_artifact),
    ]
    found: list[BaseRoute] = [Route(PREFIX + path, guarded(handler), methods=[method]) for method, path, handler in table]
    # Upstream answers 400, not 404, when the run or task of such a post is unknown.
    found.append(Route(PREFIX + task + "/metadata", guarded(facts.add_metadata, missing_parent=400), methods=["POST"]))
    found.append(Route(PREFIX + task + "/artifact", guarded(facts.add_artifacts, missing_parent=400), methods=["POST"]))
    found.append(Route(PREFIX + "/{path:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]))
    return found
