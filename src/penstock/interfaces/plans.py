"""Turns a stored pipeline definition into a plan, whatever its dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from penstock.domain.plan import RunPlan


class PlanLoader(Protocol):
    """Implemented by `spec`; wired by `server`."""

    def load(self, kind: str, content: Mapping[str, Any]) -> RunPlan:
        """Lower the document stored under `spec.content`; the same content always gives an equal plan.

        Raises:
            SpecError: the document is not a valid definition; carries the place.
        """
        ...
