"""Use cases of budgets: what pipelines and projects may use, and telling when they use more."""
