"""The one expression language of a `RunPlan`: conditions, bindings and formatted text of every dialect lower to it.

Nodes are plain frozen values; `engine.expressions` evaluates them. They never hold Python callables, so a plan can be
compared, printed and rebuilt. A reference that has no value evaluates to `UNSET` (an optional input that was not given,
an output of a skipped task) or raises `ExpressionError`, as each node says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


class Unset:
    """Marker for "no value", distinct from JSON null."""

    _instance: Unset | None = None

    def __new__(cls) -> Unset:
        """Return the one instance."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset()


@dataclass(frozen=True, slots=True)
class Const:
    """A literal JSON value."""

    value: Any


@dataclass(frozen=True, slots=True)
class ScopeInput:
    """Parameter input `name` of the graph that encloses the task; UNSET when absent."""

    name: str


@dataclass(frozen=True, slots=True)
class OwnInput:
    """Already resolved parameter input `name` of the task itself (KFP conditions and hidden inputs); UNSET when absent."""

    name: str


@dataclass(frozen=True, slots=True)
class TaskOutput:
    """Output parameter `key` of sibling task `task`; UNSET when the task was skipped or gave none."""

    task: str
    key: str


@dataclass(frozen=True, slots=True)
class LoopItem:
    """Item of the innermost enclosing iteration (Argo `item`); raises outside one."""


@dataclass(frozen=True, slots=True)
class RunField:
    """A fact about the run or the task being resolved.

    `name` is one of: run_id, run_name, resource_name, pipeline_name, pipeline_root, create_time, schedule_time, workspace,
    task_key, task_id, task_path, namespace, service_account, status (Argo words, exit tasks only), failures (JSON list, exit tasks only),
    duration (seconds so far, six decimals), parameters (all root parameters as a JSON list of name and value),
    `create_time:<form of strftime>`, `label:<k>`, `annotation:<k>`, `parameter:<k>` (root parameter).
    """

    name: str


@dataclass(frozen=True, slots=True)
class FinalStatus:
    """KFP `PipelineTaskFinalStatus` of sibling `task` as a struct (kfp protocol notes, section 4.7)."""

    task: str


@dataclass(frozen=True, slots=True)
class Format:
    """Concatenation of the text forms of `parts`.

    Text form: strings raw; integral numbers without `.0`; true/false; null as empty; lists and structs as compact JSON.
    """

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class ParseJson:
    """Value of JSON text; a non-string passes through unchanged. Raises on malformed text."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class Index:
    """`operand[key]` on a list or struct. Raises when missing."""

    operand: Expr
    key: Expr


@dataclass(frozen=True, slots=True)
class Call:
    """`op` applied to `args`.

    Ops: `== != < <= > >= && || ! + - * / int/ % neg ?:` and `int uint double string json bool dyn size in =~ !~ has list map
    contains startsWith endsWith matches` (`json` gives compact JSON text, `int/` divides integers towards zero).
    `&&`, `||` and `?:` are lazy, and what decides the first two does so beside an error. Comparison of unlike types raises for
    ordering and is false for equality; numbers compare by value whatever their kind. `argo==` and friends compare as Argo's `when`
    does: numerically when both sides read as numbers, else as text.
    """

    op: str
    args: tuple[Expr, ...]


Expr = Const | ScopeInput | OwnInput | TaskOutput | LoopItem | RunField | FinalStatus | Format | ParseJson | Index | Call
