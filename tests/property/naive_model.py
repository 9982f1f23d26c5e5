"""What a run must come to, computed without an engine: plain recursion over the plan, in plan order.

Only for plans without fail-fast and limits, where the order of completions cannot matter.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

from penstock.domain.expr import Call, Const, TaskOutput
from penstock.domain.plan import GraphTemplate, RetryPolicy, RunPlan, TaskSpec, TriggerRule
from tests.property.random_plans import LEAVES, graph_of
from tests.support.worlds import out_of

MISSING = object()


@dataclass
class Expectation:
    """Final states and outputs by path."""

    seed: int
    plan: RunPlan
    states: dict[str, str] = field(default_factory=dict)
    omitted: set[str] = field(default_factory=set)
    outs: dict[str, Any] = field(default_factory=dict)

    def failures_before_success(self, path: str) -> int:
        """How many attempts of the leaf at `path` fail first."""
        return failures_before_success(self.seed, path)


def failures_before_success(seed: int, path: str) -> int:
    """How many attempts of the leaf at `path` fail first: mostly none."""
    return (0, 0, 0, 0, 1, 2, 3, 0)[zlib.crc32(f"{seed}:{path}".encode()) % 8]


def expect(plan: RunPlan, seed: int) -> Expectation:
    """The outcome of a whole run."""
    expectation = Expectation(seed, plan)
    _graph(expectation, graph_of(plan, plan.root), "root", None)
    return expectation


def _graph(e: Expectation, graph: GraphTemplate, path: str, retry: RetryPolicy | None) -> None:
    for key, spec in graph.tasks.items():
        _task(e, spec, f"{path}/{key}", path, retry)
    states = [e.states[f"{path}/{key}"] for key in graph.tasks]
    if "FAILED" in states:
        e.states[path] = "FAILED"
        return
    rule = graph.output_parameters["out"]
    values = [e.outs[f"{path}/{key}"] for key, _ in rule.choices if f"{path}/{key}" in e.outs]
    if rule.is_one_of and not values:
        e.states[path] = "FAILED"
        return
    e.states[path] = "SUCCEEDED"
    if values:
        e.outs[path] = values[0]


def _task(e: Expectation, spec: TaskSpec, path: str, graph_path: str, inherited: RetryPolicy | None) -> None:
    needs = [f"{graph_path}/{key}" for key in spec.after]
    if _is_blocked(e, spec, needs):
        _skip(e, spec, path)
        e.omitted.add(path)
        return
    verdict = _condition(e, spec, graph_path)
    if verdict is not True:
        if verdict is False:
            _skip(e, spec, path)
        else:
            e.states[path] = "FAILED"
        return
    retry = spec.retry if spec.retry is not None else inherited
    if spec.iteration is None:
        _body(e, spec, path, retry, graph_path)
    else:
        _loop(e, spec, path, retry, graph_path)


def _skip(e: Expectation, spec: TaskSpec, path: str) -> None:
    """A task that never starts; the tasks of a skipped graph are skipped one by one, a loop stays one."""
    e.states[path] = "SKIPPED"
    if spec.iteration is None and spec.template not in LEAVES:
        for key, inner in graph_of(e.plan, spec.template).tasks.items():
            _skip(e, inner, f"{path}/{key}")


def _is_blocked(e: Expectation, spec: TaskSpec, needs: list[str]) -> bool:
    if spec.trigger is TriggerRule.ALL_DONE:
        return False
    bad = [need for need in needs if e.states[need] != "SUCCEEDED"]
    if spec.trigger is TriggerRule.ALL_SUCCEEDED_OR_SKIPPED:
        bad = [need for need in bad if e.states[need] != "SKIPPED" or need in e.omitted]
    return bool(bad)


def _condition(e: Expectation, spec: TaskSpec, graph_path: str) -> bool | None:
    match spec.condition:
        case None:
            return True
        case Const(value):
            return bool(value)
        case Call(_, (TaskOutput(task, _), Const(wanted))):
            found = e.outs.get(f"{graph_path}/{task}", MISSING)
            return None if found is MISSING else found == wanted
    raise AssertionError(spec.condition)


def _body(e: Expectation, spec: TaskSpec, path: str, retry: RetryPolicy | None, graph_path: str) -> None:
    if spec.template not in LEAVES:
        _graph(e, graph_of(e.plan, spec.template), path, retry)
        return
    for expr in spec.parameters.values():
        assert isinstance(expr, TaskOutput)
        if f"{graph_path}/{expr.task}" not in e.outs:  # a required input without a value
            e.states[path] = "FAILED"
            return
    chances = 1 + (retry.max_retries if retry is not None else 0)
    if e.failures_before_success(path) >= chances:
        e.states[path] = "FAILED"
    else:
        e.states[path] = "SUCCEEDED"
        e.outs[path] = out_of(path)


def _loop(e: Expectation, spec: TaskSpec, path: str, retry: RetryPolicy | None, graph_path: str) -> None:
    assert spec.iteration is not None
    assert isinstance(spec.iteration.items, Const)
    items = spec.iteration.items.value
    if not items and spec.iteration.empty_is_skipped:
        e.states[path] = "SKIPPED"
        return
    rounds = [f"{path}[{number}]" for number in range(len(items))]
    for each in rounds:
        _body(e, spec, each, retry, graph_path)
    if any(e.states[each] == "FAILED" for each in rounds):
        e.states[path] = "FAILED"
        return
    e.states[path] = "SUCCEEDED"
    e.outs[path] = [e.outs[each] for each in rounds if each in e.outs]
