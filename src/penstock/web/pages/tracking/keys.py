"""`/authorize`: where `wandb login` sends people for an API key. A key is shown once, when it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.accounts import ApiKey
from penstock.domain.errors import PermissionDeniedError
from penstock.web.render import Crumb, Frame, Notice, redirect, render
from penstock.web.security import check_own_form
from penstock.web.services.tracking import TrackingServices, caller_of
from penstock.web.services.web import WebServices


@dataclass(frozen=True, slots=True)
class KeysPage:
    """Context of `tracking/keys.html`."""

    user_name: str
    """Whose keys."""
    keys: Sequence[ApiKey]
    """Newest first; never their texts."""
    new_key: str
    """Text of the key that was just made; empty otherwise."""
    role: str
    """What the user may do."""
    variables: Mapping[str, str]
    """What the user's clients read, with the new key."""


async def _page(services: WebServices, tracking: TrackingServices, request: Request, new_key: str = "") -> Response:
    caller = caller_of(tracking, request)
    user = caller.user_name
    keys = await asyncio.to_thread(tracking.keys.list, user)
    variables = tracking.variables(user, new_key) if new_key else {}
    frame = Frame(title="API keys", section="system", crumbs=(Crumb("API keys"),))
    return render(services, request, "tracking/keys.html", frame=frame, page=KeysPage(user, keys, new_key, caller.role.value, variables))


async def authorize_page(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """List the caller's keys and offer to make one."""
    return await _page(services, tracking, request)


async def act(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Make a key and show it, or revoke one.

    Raises:
        PermissionDeniedError: the key is another user's.
    """
    check_own_form(request)
    form = await request.form()
    user = caller_of(tracking, request).user_name
    if str(form.get("verb", "")) == "make":
        description = str(form.get("description", "")).strip()[:200]
        made = await asyncio.to_thread(lambda: tracking.keys.make(user, description=description))
        return await _page(services, tracking, request, made.text)
    key_id = str(form.get("id", ""))
    if key_id not in {key.key_id for key in await asyncio.to_thread(tracking.keys.list, user)}:
        raise PermissionDeniedError("This key is not one of yours.")
    await asyncio.to_thread(tracking.keys.revoke, key_id)
    return redirect("/authorize", Notice("Key revoked. Programs that use it are refused from now on."))
