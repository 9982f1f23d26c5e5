"""What is said of a secret or config map that a task asks for and the server's store does not have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_WORDS: Mapping[str, str] = {"secret": "secret", "configmap": "config map"}
_FLAGS: Mapping[str, str] = {"secret": "", "configmap": "--config-map "}


def missing(kind: str, name: str) -> str:
    """Say that it does not exist, and the command that stores it."""
    return f"{_WORDS[kind]} {name!r} does not exist; create it with `penstock secrets set {_FLAGS[kind]}{name} KEY=VALUE`"


def no_key(kind: str, name: str, key: str, known: Iterable[str]) -> str:
    """Say which keys it has instead of the one asked for."""
    return f"{_WORDS[kind]} {name!r} has no key {key!r}; its keys are: {', '.join(sorted(known)) or 'none'}"


def not_text(kind: str, name: str, key: str) -> str:
    """Say that a value cannot be a variable, and what to do instead."""
    return f"the value of key {key!r} of {_WORDS[kind]} {name!r} is not UTF-8 text, so it cannot be a variable; mount it as a file instead"
