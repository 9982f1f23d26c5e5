"""Pages of the server itself: services, users, budgets, retention, the trash."""
