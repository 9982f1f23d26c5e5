"""Who sends a W&B request: `Authorization: Basic api:KEY` or `Bearer KEY` (wandb.md section 2)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.api.wandb.services import WandbServices
from penstock.domain.accounts import Caller
from penstock.domain.errors import UnauthenticatedError
from penstock.tracking.task_keys import TASK_HEADER


def authenticate(request: Request, services: WandbServices) -> Caller:
    """Return the caller. Answered from memory most of the time; else one read of the database.

    Raises:
        UnauthenticatedError: there is no key, or it is not valid.
    """
    caller = services.keys.check(key_of(request.headers.get("authorization", "")))
    token = request.headers.get(TASK_HEADER)
    if token is None or caller.scope:
        return caller
    # A pipeline whose author set a key of their own still tells which task is speaking; a token that is not valid says nothing.
    try:
        return replace(caller, scope=services.keys.check(token).scope)
    except UnauthenticatedError:
        return caller


def key_of(header: str) -> str:
    """Return the key in an `Authorization` header.

    Raises:
        UnauthenticatedError: there is none.
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise UnauthenticatedError("the Authorization header cannot be read") from error
        return password or user
    raise UnauthenticatedError("an API key is needed: set WANDB_API_KEY, or run `penstock env` for a valid one")


def refusal(error: Exception, *, status: int = 401) -> Response:
    """Return the answer that stops clients at once with the error's text (wandb.md section 3)."""
    text = str(error)
    headers = {"www-authenticate": 'Basic realm="penstock"'} if status == 401 else None
    return JSONResponse({"error": text, "errors": [{"message": text}]}, status_code=status, headers=headers)
