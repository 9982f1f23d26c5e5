"""Pages of recorded flows."""
