"""Kills real processes, then compares."""
