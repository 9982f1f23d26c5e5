"""Remembers for each user what pages were opened and what was made, once the answer is out."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.api.credentials import noted_caller
from penstock.api.objects_seen import object_seen
from penstock.domain.errors import PenstockError
from penstock.interfaces.clock import Clock
from penstock.interfaces.recent_objects import RecentObjects

_log = logging.getLogger(__name__)


def remembering(app: ASGIApp, recent: RecentObjects, clock: Clock) -> ASGIApp:
    """Return `app`, whose handlers' notes are kept for the caller that the door found. A note that cannot be kept is no error."""

    async def remembered(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        seen, caller = object_seen(scope), noted_caller(scope)
        if seen is None or caller is None or caller.scope:
            return  # keys of tasks stand for programs, not for people who look for what they had in hand
        try:
            await recent.note(caller.user_name, seen.kind, seen.object_id, at=clock.now(), is_made=seen.is_made)
        except PenstockError as error:
            _log.warning("what %s had in hand was not noted: %s", caller.user_name, error)

    return remembered
