"""Reports in addresses. Clients print the title before the id (`Title--Vmlldzox`), the id being base64 of `View:1`."""

from __future__ import annotations

import base64
import binascii
import contextlib


def report_id_of(text: str) -> int | None:
    """Return the id of the report that the last part of an address names, None when it names none."""
    text = text.rpartition("--")[2]
    if not text.isdecimal():
        with contextlib.suppress(ValueError, binascii.Error):
            text = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("ascii").removeprefix("View:")
    return int(text) if text.isdecimal() and len(text) < 17 else None
