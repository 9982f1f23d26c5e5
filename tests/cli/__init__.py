"""The `penstock` command as a user runs it."""
