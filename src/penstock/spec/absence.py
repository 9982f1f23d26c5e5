"""Sentences about input artifacts of which nothing is here, for the failure of the task that looks for them."""

from __future__ import annotations


def never_written(name: str, *, task: str, output: str) -> str:
    """Say that the task that was to make an input ended without writing it, which the SDK allows."""
    return f"input {name!r} has no content: task {task!r} ended without writing its output {output!r}"


def only_recorded(name: str, uri: str) -> str:
    """Say that an importer recorded where an artifact is, and that it is not on this machine."""
    if "://" in uri:
        return f"input {name!r} is known by its URI {uri} only, and was not fetched for the task"
    return f"input {name!r} was imported from {uri}, where this machine has nothing"
