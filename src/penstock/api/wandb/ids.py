"""Ids on the wire: standard base64 of `Kind:part:part`. Clients decode artifact and project ids, so the text has to be ASCII.

The parts are database row numbers, except for runs and projects, whose names clients like to see; names are percent-encoded, so that
the base64 never holds `/` or `+` (ids appear inside URLs).
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import quote, unquote

from penstock.domain.errors import InvalidArgumentError

_SAFE = "-_"


def encode(kind: str, *parts: str | int) -> str:
    """Return the wire id of an object."""
    text = ":".join([kind, *(quote(str(part), safe=_SAFE) for part in parts)])
    return base64.b64encode(text.encode("ascii")).decode("ascii")


def decode(wire_id: str) -> tuple[str, list[str]]:
    """Return kind and parts of a wire id; percent-encoded ids (from URLs) and missing padding are accepted.

    Raises:
        InvalidArgumentError: it is no id of this server.
    """
    text = unquote(wire_id)
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise InvalidArgumentError(f"{wire_id!r} is not an id of this server") from error
    kind, *parts = plain.split(":")
    return kind, [unquote(part) for part in parts]


def number(wire_id: str, *kinds: str) -> int:
    """Return the row number in a wire id of one of `kinds`; a bare number is taken as it is.

    Raises:
        InvalidArgumentError: it is an id of something else.
    """
    if wire_id.isdigit():
        return int(wire_id)
    kind, parts = decode(wire_id)
    if kind not in kinds or not parts or not parts[-1].isdigit():
        raise InvalidArgumentError(f"{wire_id!r} is not the id of {' or '.join(kinds)}")
    return int(parts[-1])
