"""Moments of a run as the text that templates ask for: UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime

ISO = "%Y-%m-%dT%H:%M:%SZ"


def utc_text(seconds: float, form: str = ISO) -> str:
    """Return a time in a form of `strftime`; `%s` is the number of seconds since 1970 on every platform."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime(form.replace("%s", str(int(seconds))))
