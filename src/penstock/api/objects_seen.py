"""What a request was about: handlers say which object it opened or made, and `server.recent_objects` remembers it for who asked."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

_SEEN = "object_seen"


@dataclass(frozen=True, slots=True)
class ObjectSeen:
    """An object of `interfaces.recent_objects`."""

    kind: str
    object_id: str
    is_made: bool


def note_made(scope: Scope, kind: str, object_id: str) -> None:
    """Say that the request made an object."""
    scope.setdefault("state", {})[_SEEN] = ObjectSeen(kind, object_id, is_made=True)


def note_opened(scope: Scope, kind: str, object_id: str) -> None:
    """Say that the request opened the page of an object."""
    scope.setdefault("state", {})[_SEEN] = ObjectSeen(kind, object_id, is_made=False)


def object_seen(scope: Scope) -> ObjectSeen | None:
    """Return what the request was about, None when nobody said so."""
    found = scope.get("state", {}).get(_SEEN)
    return found if isinstance(found, ObjectSeen) else None
