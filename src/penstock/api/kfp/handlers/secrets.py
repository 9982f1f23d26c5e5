"""Endpoints of secrets and config maps (an addition of this server): set, list keys, remove. Values are never given out."""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.kfp.services import KfpServices
from penstock.api.kfp.wire import JsonAnswer, message, read_message, timestamp
from penstock.domain.errors import InvalidArgumentError
from penstock.pipelines.secrets import SecretEntry


class SecretHandlers:
    """`/secrets` and `/configmaps`."""

    def __init__(self, services: KfpServices, kind: str) -> None:
        self._secrets = services.secrets
        self._kind = kind
        self._key = f"{kind}s"

    async def list(self, request: Request) -> Response:
        """GET /secrets: names and keys."""
        return JsonAnswer({self._key: [_entry(entry) for entry in await self._secrets.list(self._kind)]})

    async def put(self, request: Request) -> Response:
        """PUT /secrets/{name}: `data` as base64 or `string_data` as text replace everything; PATCH merges."""
        fields = await read_message(request)
        entries: dict[str, bytes] = {}
        for key, value in (fields.map("data") or {}).items():
            try:
                entries[key] = base64.b64decode(_text(key, value), validate=True)
            except (binascii.Error, ValueError):
                raise InvalidArgumentError(f"data.{key} is not base64; use string_data for text") from None
        for key, value in (fields.map("string_data") or {}).items():
            entries[key] = _text(key, value).encode()
        entry = await self._secrets.put(self._kind, request.path_params["name"], entries, merge=request.method == "PATCH")
        return JsonAnswer(_entry(entry))

    async def delete(self, request: Request) -> Response:
        """DELETE /secrets/{name}."""
        await self._secrets.delete(self._kind, request.path_params["name"])
        return JsonAnswer({})


def _entry(entry: SecretEntry) -> dict[str, object]:
    return message(name=entry.name, keys=list(entry.keys), updated_at=timestamp(entry.updated_at))


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidArgumentError(f"the value of {key!r} has to be a string")
    return value
