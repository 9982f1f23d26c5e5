"""Serves `static/` below a version digest, so that browsers may keep files for ever; an old digest still gets the current file.

Compressed for clients that take it: a browser fetches each file once, often over a slow line to a machine elsewhere.
"""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.web.render import STATIC, static_version

_HEADERS = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}


def static_app() -> ASGIApp:
    """Return the application behind `/static`."""
    files = StaticFiles(directory=STATIC)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        version, _, name = path.lstrip("/").partition("/")
        if scope["type"] != "http" or not name or len(version) != len(static_version()):
            await PlainTextResponse("Not found", status_code=404)(scope, receive, send)
            return
        try:
            response = await files.get_response(name, scope)
        except Exception as error:
            status = getattr(error, "status_code", None)
            if status is None:
                raise
            await PlainTextResponse("Not found", status_code=status)(scope, receive, send)
            return
        if version == static_version():
            response.headers.update(_HEADERS)
        else:
            response.headers["cache-control"] = "no-cache"
        await response(scope, receive, send)

    return GZipMiddleware(app)
