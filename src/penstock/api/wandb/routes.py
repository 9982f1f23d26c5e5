"""Every address of the W&B protocol."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from penstock.api.wandb.handlers.filestream import FileStreamEndpoint
from penstock.api.wandb.handlers.graphql import GraphqlHandler, refuse_identity_token
from penstock.api.wandb.handlers.storage import Handler, StorageHandlers
from penstock.api.wandb.services import WandbServices


def busy_routes(services: WandbServices) -> list[BaseRoute]:
    """Return what running programs call all the time; to stand first, because routes are tried one after the other."""
    return [
        Route("/files/{entity}/{project}/{run}/file_stream", FileStreamEndpoint(services), methods=["POST"]),
        Route("/graphql", GraphqlHandler(services).__call__, methods=["POST"]),
    ]


def routes(services: WandbServices) -> list[BaseRoute]:
    """Return the other routes; they work below any path prefix. `/files`, `/storage`, `/artifacts…` accept signed addresses."""
    storage = StorageHandlers(services)

    def bytes_route(path: str, *, get: Handler | None = None, put: Handler | None = None) -> list[BaseRoute]:
        found: list[BaseRoute] = [Route(path, storage.options, methods=["OPTIONS"])]
        if get is not None:
            found.append(Route(path, storage.guarded(get), methods=["GET", "HEAD"]))
        if put is not None:
            found.append(Route(path, storage.guarded(put), methods=["PUT"]))
        return found

    # Programs that watch their traffic tell contents from manifests by these words of the original's addresses.
    version = "/storage/artifacts/{version:int}"
    return [
        Route("/oidc/token", refuse_identity_token, methods=["POST"]),
        *bytes_route("/files/{entity}/{project}/{run}/{path:path}", get=storage.get_run_file, put=storage.put_run_file),
        *bytes_route(f"{version}/files/{{md5}}/parts/{{part:int}}", put=storage.put_artifact_part),
        *bytes_route(f"{version}/files/{{md5}}", put=storage.put_artifact_file),
        *bytes_route(f"{version}/manifests/{{manifest:int}}/wandb_manifest.json", get=storage.get_manifest, put=storage.put_manifest),
        *bytes_route(f"{version}/wandb_manifest.json", get=storage.get_current_manifest),
        *bytes_route("/storage/wandb_artifacts/{project:int}/{md5}/{name:path}", get=storage.get_content),
        *bytes_route("/artifacts/{entity}/{md5}", get=storage.get_artifact_v1),
        *bytes_route("/artifactsV2/{path:path}", get=storage.get_artifact_v2),
    ]
