"""The recent past of a run, for errors that explain themselves, and the diagram of the transition table."""

from __future__ import annotations

from collections import deque

from penstock.domain.errors import PenstockError
from penstock.domain.ids import TaskPath
from penstock.engine.phases import FINAL, PUBLIC_STATE, TRANSITIONS, Phase

_REMEMBERED = 40


class IllegalTransitionError(PenstockError):
    """The engine tried a move that the table does not have: a fault of ours. Carries the story that led to it."""

    def __init__(self, path: TaskPath, start: Phase, goal: Phase, story: str) -> None:
        super().__init__(f"task {path} cannot move from {start} to {goal}; story:\n{story}")
        self.path = path
        self.start = start
        self.goal = goal
        self.story = story


class Story:
    """The last events and moves of one run."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: deque[tuple[str, ...]] = deque(maxlen=_REMEMBERED)

    def event(self, name: str, path: str) -> None:
        """Remember that an event arrived."""
        self._lines.append(("event", name, path))

    def move(self, path: TaskPath, start: Phase, goal: Phase) -> None:
        """Remember a move, after checking that it is legal.

        Raises:
            IllegalTransitionError: it is not.
        """
        if goal not in TRANSITIONS[start]:
            raise IllegalTransitionError(path, start, goal, self.tell())
        self._lines.append((path, start, goal))

    def tell(self) -> str:
        """The story as text, oldest first."""
        return "\n".join(f"  {a} {b} {c}" if a == "event" else f"    {a}: {b} -> {c}" for a, b, c in self._lines)


def draw() -> str:
    """Return the transition table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> WAITING"]
    for start, goals in TRANSITIONS.items():
        lines.extend(f"    {start} --> {goal}: {words}" for goal, words in goals.items())
    lines.extend(f"    {phase} --> [*]" for phase in Phase if phase in FINAL)
    return "\n".join(lines)


def table() -> str:
    """Return the phases with their public states as a Markdown table."""
    rows = [f"| {phase} | {PUBLIC_STATE[phase]} |" for phase in Phase]
    return "\n".join(["| phase | state shown |", "|---|---|", *rows])
