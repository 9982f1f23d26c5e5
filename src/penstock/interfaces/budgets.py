"""Where budgets are kept, and what counts against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.domain.budgets import Budget, BudgetScope, BudgetUse


@dataclass(frozen=True, slots=True)
class NamedBudget:
    """A budget with what it is for."""

    budget: Budget
    name: str
    """Of the pipeline or project."""
    entity: str = ""
    """Whose the project is; empty for pipelines."""


class BudgetStore(Protocol):
    """Budgets in the database."""

    async def get(self, scope: BudgetScope, scope_id: str) -> NamedBudget | None:
        """Return the budget, None when there is none or what it is for is gone."""
        ...

    async def list(self) -> Sequence[NamedBudget]:
        """Return all budgets of what is there, by name."""
        ...

    async def put(self, budget: Budget) -> None:
        """Store a budget in place of the one before, and forget what was noted of that."""
        ...

    async def delete(self, scope: BudgetScope, scope_id: str) -> bool:
        """Remove a budget with what was noted of it; whether there was one."""
        ...

    async def use(self, budget: Budget, *, begin: float, now: float) -> BudgetUse:
        """Add up what was used: hours from `begin` to `now`, clipped to that. Costs as much as there are runs and artifacts."""
        ...

    async def note_passing(self, budget: Budget, measure: str, *, began_at: float, detail: str, at: float) -> bool:
        """Remember that a measure was passed in the period that `began_at` names; False when that was known."""
        ...

    async def forget_passing(self, budget: Budget, measure: str) -> None:
        """Forget that a measure was passed: it is kept again, and will be told anew."""
        ...
