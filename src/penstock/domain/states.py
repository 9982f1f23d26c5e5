"""States of runs and tasks, in the published KFP `RuntimeState` words, and which of them are final."""

from __future__ import annotations

from enum import StrEnum


class RuntimeState(StrEnum):
    """State of a run or a task (KFP v2beta1 `RuntimeState`)."""

    PENDING = "PENDING"
    """Known, not started: waiting for inputs, a slot, resources or an environment."""
    RUNNING = "RUNNING"
    """At least one attempt is running, or (graph tasks) a child has been considered."""
    SUCCEEDED = "SUCCEEDED"
    """Ended as its author wanted; outputs are published."""
    SKIPPED = "SKIPPED"
    """Never ran: its condition was false, or what it depends on did not succeed."""
    FAILED = "FAILED"
    """Ended in an error; the task says which."""
    CANCELING = "CANCELING"
    """Asked to stop; processes are being ended and exit tasks run."""
    CANCELED = "CANCELED"
    """Stopped by request before it could end by itself."""
    PAUSED = "PAUSED"
    """Held back by a person."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens without a retry."""
        return self in FINAL_STATES


FINAL_STATES = frozenset({RuntimeState.SUCCEEDED, RuntimeState.SKIPPED, RuntimeState.FAILED, RuntimeState.CANCELED})


class StorageState(StrEnum):
    """Whether a run or experiment is listed by default."""

    AVAILABLE = "AVAILABLE"
    ARCHIVED = "ARCHIVED"


class TaskType(StrEnum):
    """Kind of a task node (upstream's coming `PipelineTaskDetail.TaskType`)."""

    ROOT = "ROOT"
    """The run itself."""
    RUNTIME = "RUNTIME"
    """A leaf that executes something."""
    CONDITION_BRANCH = "CONDITION_BRANCH"
    """Group of mutually exclusive branches (If/Elif/Else)."""
    CONDITION = "CONDITION"
    """One conditional group."""
    LOOP = "LOOP"
    """A loop; its children are iterations."""
    ITERATION = "ITERATION"
    """One round of a loop."""
    EXIT_HANDLER = "EXIT_HANDLER"
    """A group with an exit task."""
    IMPORTER = "IMPORTER"
    """Registers an existing artifact."""
    DAG = "DAG"
    """Any other sub-graph."""


CONDITION_IS_FALSE = "its condition is false"
LOOP_IS_EMPTY = "the loop has no items"
"""Reasons of tasks that were skipped as their author wanted; every other skipped task was left out because something else ended."""
