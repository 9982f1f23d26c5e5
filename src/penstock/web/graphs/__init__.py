"""Graphs and timelines of definitions and runs, as data or positions for the browser."""
