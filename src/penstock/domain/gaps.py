"""Requests of clients that this server has no answer to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that was asked for in vain."""

    protocol: str
    """`wandb`, `kfp`, `metaflow`."""
    what: str
    """For GraphQL the validation message: `Cannot query field "x" on type "Y".`"""
    client: str
    """User agent."""
    seen: int
    last_seen_at: float
