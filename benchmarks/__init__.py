"""Measurements, never part of the tests; `scripts/bench` runs them and rewrites the tables of README.md."""
