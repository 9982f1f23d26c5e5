"""JSON as the KFP API speaks it, shared by all its nouns: reading requests in either spelling, writing sparse answers.

Answers are snake_case and leave out what is empty; int64 travels as a string; times are RFC 3339 in UTC with fractions, so that
sorting by them is exact. Requests may be snake_case or camelCase and may hold unknown fields (a deviation: upstream refuses those).
Semantics: kfp protocol notes, section 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from penstock.api.bodies import read_object
from penstock.api.queries import query_text
from penstock.domain.errors import InvalidArgumentError
from penstock.pipelines.filters import parse_time

MAX_BODY_BYTES = 33 * 1024 * 1024
"""A definition of 32 MiB and what is around it."""
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


class JsonAnswer(Response):
    """A JSON answer encoded by orjson; numbers that are not finite become null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode `content`."""
        return orjson.dumps(content)


def message(**fields: Any) -> dict[str, Any]:
    """Return the fields that say something: empty strings, zeros, false, empty lists and maps and None are left out."""
    return {name: value for name, value in fields.items() if value not in (None, "", 0, False, [], {})}


def timestamp(at: float | None) -> str | None:
    """Return an RFC 3339 time; None stays None."""
    if at is None:
        return None
    return f"{datetime.fromtimestamp(at, UTC).isoformat()[:-6]}Z"


async def read_message(request: Request) -> Fields:
    """Read the body as a JSON object; an empty body is an empty object.

    Raises:
        InvalidArgumentError: not a JSON object.
        PayloadTooLargeError: larger than the limit.
    """
    return Fields(await read_object(request, MAX_BODY_BYTES))


class Fields:
    """A request message: fields by their snake_case name, whatever spelling was sent. Maps of users' data are not touched."""

    def __init__(self, data: Mapping[str, Any], place: str = "") -> None:
        self._data = {_HUMP.sub(lambda match: f"_{match.group(1).lower()}", key): value for key, value in data.items()}
        self._place = place

    def __contains__(self, name: str) -> bool:
        return self._data.get(name) is not None

    def text(self, name: str) -> str:
        """Return a string field; absent means empty."""
        value = self._data.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.error(name, "has to be a string")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean field; absent means false."""
        value = self._data.get(name)
        if value is None:
            return False
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise self.error(name, "has to be true or false")
        return value

    def integer(self, name: str) -> int | None:
        """Return an integer field, also from the string form of int64."""
        value = self._data.get(name)
        if value is None:
            return None
        try:
            if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
                raise ValueError
            return int(value)
        except (TypeError, ValueError):
            raise self.error(name, "has to be an integer") from None

    def time(self, name: str) -> float | None:
        """Return a time field in seconds since the epoch; absent, and the epoch itself (unset upstream), are None."""
        value = self._data.get(name)
        if value is None or value == "":
            return None
        try:
            return parse_time(value) or None
        except InvalidArgumentError as error:
            raise self.error(name, str(error)) from None

    def map(self, name: str) -> dict[str, Any] | None:
        """Return a map of users' data as sent; absent is None."""
        value = self._data.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.error(name, "has to be an object")
        return value

    def raw(self, name: str) -> Any:
        """Return a field as sent; absent is None."""
        return self._data.get(name)

    def nested(self, name: str) -> Fields:
        """Return a nested message; absent is an empty one."""
        return Fields(self.map(name) or {}, f"{self._place}{name}.")

    def error(self, name: str, words: str) -> InvalidArgumentError:
        """Return an error that names the field."""
        return InvalidArgumentError(f"{self._place}{name} {words}")


def query_flag(request: Request, name: str) -> bool:
    """Return a boolean query parameter."""
    return query_text(request, name).lower() in {"true", "1"}
