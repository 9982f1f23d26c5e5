"""Values of the lineage graph: what was made or used (data) and what made or used it (executions), over all three protocols.

A node is named by its key, `<family>:<rest>`. Data whose bytes are known has the key of its content, so that everything with the same
bytes is one node however many names it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class NodeKind(StrEnum):
    """What a node is."""

    DATA = "data"
    """Content with all its names: pipeline artifacts, artifact versions, values of flows."""
    COLLECTION = "collection"
    """A registry collection or portfolio that versions are linked to."""
    PIPELINE_TASK = "pipeline_task"
    """A task of a pipeline run, with its tracked runs."""
    FLOW_TASK = "flow_task"
    """A task of a flow, with its tracked runs."""
    TRACKED_RUN = "tracked_run"
    """A tracked run that belongs to no task."""

    @property
    def is_execution(self) -> bool:
        """Whether the node does something, as opposed to being something."""
        return self not in {NodeKind.DATA, NodeKind.COLLECTION}


class EdgeKind(StrEnum):
    """How two nodes belong together; edges point from what came first to what came of it."""

    PRODUCED = "produced"
    """Execution to data."""
    USED = "used"
    """Data to execution."""
    LINKED = "linked"
    """Version to collection."""
    CONTAINS = "contains"
    """Between a version of several files and the bytes of one of them, from the older to the younger; only when asked for."""


class Direction(StrEnum):
    """Which way to walk."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"
    BOTH = "both"


@dataclass(frozen=True, slots=True, order=True)
class LineageEdge:
    """One edge between two node keys."""

    source: str
    target: str
    kind: EdgeKind
    label: str = ""
    """Name of the input or output, when there is one."""


@dataclass(frozen=True, slots=True)
class LineageName:
    """One of the names of a node."""

    ref: str
    """What leads back to the node: `artifact:7`, `version:ann/p/model:v3`, `flow:Flow/12/train/34`, `run:ann/p/abc`, `task:<id>`."""
    text: str
    """For people."""
    detail: str = ""
    """Type of data; run or project of an execution."""
    place: str = ""
    """What an address needs beside `ref`: run of a task, type of a version."""
    entity: str = ""
    """Who owns it, where readers may differ; empty: everybody's."""
    short: str = ""
    """The name alone, where `text` says more than it."""
    source: str = ""
    """What tells it from others of its name: run of an artifact, version, task of a flow's value, project of a collection."""

    @property
    def lines(self) -> tuple[str, str]:
        """What a drawn box says: the name, and below it what tells it from others of its name, else its detail."""
        return self.short or self.text, self.source or self.detail


@dataclass(frozen=True, slots=True)
class LineageNode:
    """One node with everything an answer shows of it."""

    key: str
    kind: NodeKind
    names: Sequence[LineageName] = ()
    """Oldest first; empty when what it was is gone or not the reader's."""
    group: str = ""
    """Nodes of one group are alike: the component of a task, the collection of a version, the output key of an artifact."""
    state: str = ""
    """Of executions."""
    created_at: float | None = None
    size_bytes: int | None = None
    aliases: Sequence[str] = ()
    """Aliases in use, of outputs of pipelines and of registry collections too (`collection:alias`)."""


@dataclass(frozen=True, slots=True)
class LineageCluster:
    """Similar nodes drawn as one."""

    key: str
    """`cluster:<hash>`; stable while the same nodes are around it. Give it to `expand` to see the members."""
    kind: NodeKind
    group: str
    members: Sequence[str]
    """Keys of all members."""


@dataclass(frozen=True, slots=True)
class LineageGraph:
    """What surrounds one node."""

    focus: str
    """Key of the node asked for."""
    nodes: Mapping[str, LineageNode]
    """By key; members of clusters included."""
    edges: Sequence[LineageEdge]
    distances: Mapping[str, int]
    """Hops from the focus; negative upstream."""
    is_truncated: bool
    """There is more than the node limit let through."""
    shown: Mapping[str, str] = field(default_factory=dict)
    """Key of a node -> key of the cluster it is drawn in."""
    clusters: Sequence[LineageCluster] = ()
