"""Budgets of pipelines and projects, as an interface of this server's own."""

from penstock.api.budgets.routes import BudgetApi, routes

__all__ = ["BudgetApi", "routes"]
