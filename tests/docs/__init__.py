"""Documentation is compared with what it describes."""
