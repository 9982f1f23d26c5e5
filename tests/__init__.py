"""Tests; see docs/contributing.md for the folders."""
