"""The in-memory state of a run: a tree of nodes, the open commands, and what changed since the driver last looked.

Data and small queries only; the rules that change it are in `core` and its neighbours. Everything here is a function of the
plan, the submitted run and the events, so replaying events rebuilds it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.errors import PenstockError
from penstock.domain.execution import Failure, RunContext, TaskOutputs
from penstock.domain.expr import UNSET, Unset
from penstock.domain.ids import TaskId, TaskPath, task_id_for
from penstock.domain.plan import GraphTemplate, LeafTemplate, RetryPolicy, RunPlan, TaskSpec, Template
from penstock.domain.runs import NewRun
from penstock.domain.states import RuntimeState, TaskType
from penstock.engine.commands import Command
from penstock.engine.index import GraphIndex, PlanIndex, TaskIndex
from penstock.engine.phases import FINAL, PUBLIC_STATE, Phase
from penstock.engine.story import Story

NO_OUTPUTS = TaskOutputs()


class Step(Enum):
    """What is to be done with a node within the same event."""

    READY = auto()
    """Everything it depends on is final."""
    START = auto()
    """It has its places; begin."""
    SETTLE = auto()
    """It is final; tell those who wait for it."""


@dataclass(slots=True)
class Leaf:
    """What only nodes that do work have."""

    attempts: int = 0
    """Launched so far; the newest is `attempts - 1`."""
    user_retries: int = 0
    """Retries of the author's policy since the last (re)start."""
    losses: int = 0
    """Attempts lost with their supervisor since the last (re)start."""
    attempt_created_at: float = 0.0
    attempt_started_at: float | None = None
    retry_at: float | None = None
    """When the next attempt is due (phase BACKOFF)."""
    fingerprint: str | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    cache_reason: str = ""
    is_cached: bool = False
    cached_task_id: TaskId | None = None


@dataclass(slots=True)
class Group:
    """What only graphs and loops have."""

    index: GraphIndex | None
    """None for a loop."""
    children: dict[str, Node] = field(default_factory=dict)
    """By task key; by item number as text in a loop."""
    limit: int = 0
    """Children under way at once; 0: unlimited."""
    active: int = 0
    held: deque[Node] = field(default_factory=deque)
    unfinished: int = 0
    failing: bool = False
    """A child failed and fail-fast has been applied."""
    items: tuple[Any, ...] = ()
    """Loops: one per iteration."""
    expanded: int = 0
    """Loops: how many iterations exist."""


@dataclass(slots=True, eq=False)
class Node:
    """One task at run time: a leaf, a graph, a loop or one iteration of a loop."""

    path: TaskPath
    task_id: TaskId
    index: TaskIndex
    parent: Node | None
    frame: Node | None
    """The graph whose children are its siblings and whose inputs are its scope; for an iteration that of its loop."""
    depth: int
    position: int
    created_at: float
    is_loop: bool
    """Has iterations as children; an iteration itself is an ordinary leaf or graph."""
    iteration: int | None
    """Number of the iteration that this node is."""
    retry: RetryPolicy | None
    is_sheltered: bool
    """Belongs to an exit task: goes on when the run is canceled."""
    leaf: Leaf | None = None
    group: Group | None = None
    phase: Phase = Phase.WAITING
    unmet: int = 0
    unsuccessful: int = 0
    """Dependencies that ended otherwise than SUCCEEDED."""
    blocked: int = 0
    """Of those, the ones that were not skipped by their own condition."""
    started_at: float | None = None
    finished_at: float | None = None
    reason: str = ""
    """Why it ended as it did; reasons of waiting are made when somebody looks (`reasons`)."""
    is_omitted: bool = False
    """SKIPPED because of others, not by its own condition."""
    error: Failure | None = None
    item: Any | Unset = UNSET
    parameters: Mapping[str, Any] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    artifacts: Mapping[str, tuple[ArtifactRef, ...]] = field(default_factory=dict)
    outputs: TaskOutputs = NO_OUTPUTS
    has_slot: bool = False
    has_run_slot: bool = False

    @property
    def spec(self) -> TaskSpec:
        """The task in the plan."""
        return self.index.spec

    @property
    def template(self) -> Template:
        """What it runs."""
        return self.index.template

    @property
    def key(self) -> str:
        """Its key in its graph."""
        return self.index.spec.key

    @property
    def name(self) -> str:
        """Display name."""
        return self.index.spec.display_name or self.index.spec.key

    @property
    def state(self) -> RuntimeState:
        """The public state."""
        return PUBLIC_STATE[self.phase]

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.phase in FINAL

    @property
    def type(self) -> TaskType:
        """Kind of task for readers."""
        if self.is_loop:
            return TaskType.LOOP
        if self.iteration is not None and isinstance(self.template, GraphTemplate):
            return TaskType.ITERATION
        if self.spec.type is TaskType.LOOP:
            return TaskType.RUNTIME
        return self.spec.type


class EngineFaultError(PenstockError):
    """A node is not of the kind that a rule takes it for: a fault of the engine."""


def leaf_of(node: Node) -> Leaf:
    """The leaf part of `node`.

    Raises:
        EngineFaultError: it is a graph or loop.
    """
    if node.leaf is None:
        raise EngineFaultError(f"{node.path} does no work itself")
    return node.leaf


def group_of(node: Node | None) -> Group:
    """The group part of `node`.

    Raises:
        EngineFaultError: it is a leaf, or a group that has not started.
    """
    if node is None or node.group is None:
        raise EngineFaultError(f"{'nothing' if node is None else node.path} has no children")
    return node.group


def root_of(state: RunState) -> Node:
    """The root of a submitted run.

    Raises:
        EngineFaultError: the run has not been submitted.
    """
    if state.root is None:
        raise EngineFaultError("the run has no root yet")
    return state.root


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence by the engine for a task's Events tab."""

    task_id: TaskId
    attempt: int | None
    at: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class AttemptChange:
    """An attempt as it is after an event; the driver stores it."""

    task_id: TaskId
    attempt: int
    state: RuntimeState
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    exit_code: int | None = None
    failure: Failure | None = None


@dataclass(slots=True)
class Changes:
    """What one turn changed; taken and emptied by the driver, thrown away in a replay."""

    nodes: dict[TaskPath, Node] = field(default_factory=dict)
    attempts: list[AttemptChange] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    used: dict[TaskPath, Node] = field(default_factory=dict)
    """Leaves that started and so used their inputs."""
    published: dict[TaskPath, Node] = field(default_factory=dict)
    """Leaves that got outputs."""
    history: list[tuple[float, RuntimeState, str | None]] = field(default_factory=list)
    """New entries of the run's state history."""


@dataclass(slots=True)
class Counts:
    """Progress of a run, in leaf tasks."""

    tasks: int = 0
    done: int = 0
    failed: int = 0
    cached: int = 0


class RunState:
    """State of one run. Mutated by `core.apply` only."""

    def __init__(self, new_run: NewRun, index: PlanIndex, *, workspace: str = "") -> None:
        self.new_run = new_run
        self.workspace = workspace
        """Directory shared by the run's tasks, as placeholders see it."""
        self.index = index
        self.plan: RunPlan = index.plan
        self.nodes: dict[TaskPath, Node] = {}
        self.by_id: dict[TaskId, Node] = {}
        self.outbox: dict[tuple[str, ...], Command] = {}
        """Open commands by what answers them."""
        self.agenda: deque[tuple[Step, Node]] = deque()
        """Work inside one event; empty between events. A queue, so that no chain of tasks can exhaust the stack."""
        self.commands: list[Command] = []
        self.changes = Changes()
        self.counts = Counts()
        self.story = Story()
        self.now = new_run.created_at
        """Time of the newest event."""
        self.started_at: float | None = None
        self.finished_at: float | None = None
        self.round = 0
        """How often the run was retried."""
        self.cancel_reason: str | None = None
        self.is_timed_out = False
        self.is_exit_stopped = False
        """Exit tasks are stopped too."""
        self.first_failure: tuple[str, Failure] | None = None
        """Name and failure of the first task that failed by itself."""
        self.failures: list[dict[str, Any]] = []
        """Of the failed leaves, for exit tasks."""
        self.is_paused = False
        self.paused: list[Node] = []
        """What would have started but for the pause, in order."""
        self.active_leaves = 0
        self.held_leaves: deque[Node] = deque()
        self.context: RunContext | None = None
        self.root: Node | None = None

    def add_node(self, index: TaskIndex, parent: Node | None, *, path: TaskPath, is_loop: bool, iteration: int | None = None) -> Node:
        """Create a node below `parent`, WAITING."""
        spec = index.spec
        frame = parent.frame if parent is not None and iteration is not None else parent
        node = Node(
            path=path,
            task_id=task_id_for(self.new_run.run_id, path),
            index=index,
            parent=parent,
            frame=frame,
            depth=0 if parent is None else parent.depth + 1,
            position=len(self.nodes),
            created_at=self.now,
            is_loop=is_loop,
            iteration=iteration,
            retry=spec.retry if spec.retry is not None or parent is None else parent.retry,
            is_sheltered=spec.is_exit or (parent is not None and parent.is_sheltered),
        )
        if isinstance(index.template, LeafTemplate) and not is_loop:
            node.leaf = Leaf()
            self.counts.tasks += 1
        self.nodes[path] = node
        self.by_id[node.task_id] = node
        self.changes.nodes[path] = node
        return node

    def emit(self, key: tuple[str, ...], command: Command) -> None:
        """Ask for `command`; it stays open until `close_command(key)`."""
        self.outbox[key] = command
        self.commands.append(command)

    def close_command(self, *key: str) -> None:
        """The command under `key` was answered or is no longer wanted. Unknown keys are fine."""
        self.outbox.pop(key, None)

    def touch(self, node: Node) -> None:
        """Remember that `node` looks different now."""
        self.changes.nodes[node.path] = node

    def take_changes(self) -> Changes:
        """Hand out what changed since the last call."""
        changes, self.changes = self.changes, Changes()
        return changes

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self.root is not None and self.root.is_final

    @property
    def state(self) -> RuntimeState:
        """Public state of the run."""
        if self.root is None:
            return RuntimeState.PENDING
        return RuntimeState.PAUSED if self.is_paused and not self.root.is_final else self.root.state


def child_path(parent: TaskPath, key: str) -> TaskPath:
    """Path of task `key` of the graph at `parent`."""
    return TaskPath(f"{parent}/{key}")


def iteration_path(loop: TaskPath, number: int) -> TaskPath:
    """Path of iteration `number` of the loop at `loop`."""
    return TaskPath(f"{loop}[{number}]")
