"""Names of what resolvers are, apart from `execution`, which loads a library that a server needs only when it is asked a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Resolver = Callable[..., Any]
FieldTable = Mapping[str, Mapping[str, Resolver]]
"""Resolvers by type and field name."""
