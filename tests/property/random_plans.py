"""Hypothesis strategies for plans: nested graphs, loops, conditions, exit tasks, retries, limits."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from penstock.domain.expr import Call, Const, Expr, TaskOutput
from penstock.domain.plan import (
    CachePolicy,
    GraphTemplate,
    Iteration,
    OutputRule,
    RetryPolicy,
    RunPlan,
    TaskSpec,
    Template,
    TriggerRule,
)
from tests.support.plans import forward, graph, leaf, plan, task

MAX_DEPTH = 3
LEAVES = frozenset({"leaf", "taker"})
"""Names of the leaf templates: one without inputs, one that needs `x`."""

_TRIGGERS = st.sampled_from([*[TriggerRule.ALL_SUCCEEDED] * 5, TriggerRule.ALL_SUCCEEDED_OR_SKIPPED, TriggerRule.ALL_DONE])
_RETRIES = st.one_of(
    st.none(), st.builds(RetryPolicy, max_retries=st.integers(0, 2), backoff_seconds=st.sampled_from([0.0, 5.0]), factor=st.just(2.0))
)


@st.composite
def plans(draw: st.DrawFn, *, fail_fast: bool | None = None, with_limits: bool = True) -> RunPlan:
    """A plan of a few tasks in up to three levels."""
    templates: dict[str, Template] = {"leaf": leaf("leaf", outputs=["out"]), "taker": leaf("taker", inputs=["x"], outputs=["out"])}
    root = draw(_graphs(templates, depth=1, with_limits=with_limits))
    is_fail_fast = draw(st.booleans()) if fail_fast is None else fail_fast
    limit = draw(st.sampled_from([0, 0, 1, 2])) if with_limits else 0
    return plan(*templates.values(), root=root, fail_fast=is_fail_fast, parallelism=limit)


@st.composite
def _graphs(draw: st.DrawFn, templates: dict[str, Template], *, depth: int, with_limits: bool) -> str:
    """Add a graph template (and what it needs) to `templates`; return its name."""
    name = f"g{len(templates)}"
    templates[name] = graph(name)  # takes the name; replaced below
    tasks: list[TaskSpec] = []
    for number in range(draw(st.integers(1, 4))):
        tasks.append(draw(_tasks(templates, tasks, f"t{number}", depth=depth, with_limits=with_limits)))
    outputs = {"out": _output(draw, tasks)}
    limit = draw(st.sampled_from([0, 0, 0, 1, 2])) if with_limits else 0
    templates[name] = graph(name, *tasks, outputs=outputs, parallelism=limit)
    return name


def _output(draw: st.DrawFn, tasks: list[TaskSpec]) -> OutputRule:
    keys = [spec.key for spec in tasks]
    if draw(st.integers(0, 5)) == 0:
        return OutputRule(choices=tuple((key, "out") for key in keys), is_one_of=True)
    return forward(draw(st.sampled_from(keys)), "out")


@st.composite
def _tasks(
    draw: st.DrawFn, templates: dict[str, Template], earlier: list[TaskSpec], key: str, *, depth: int, with_limits: bool
) -> TaskSpec:
    after = draw(st.sets(st.sampled_from([spec.key for spec in earlier]), max_size=2)) if earlier else set()
    is_graph = depth < MAX_DEPTH and draw(st.integers(0, 2)) == 0
    template = draw(_graphs(templates, depth=depth + 1, with_limits=with_limits)) if is_graph else "leaf"
    trigger = draw(_TRIGGERS) if after else TriggerRule.ALL_SUCCEEDED
    fields: dict[str, Any] = {}
    source = draw(st.sampled_from(sorted(after))) if after else None
    if source is not None and draw(st.booleans()):
        fields["parameters"] = {"x": TaskOutput(source, "out")}
        template = "taker" if template == "leaf" else template
    if draw(st.integers(0, 3)) == 0:
        items = tuple(range(draw(st.integers(0, 3))))
        limit = draw(st.sampled_from([0, 0, 1, 2])) if with_limits else 0
        skips = draw(st.booleans())
        fields["iteration"] = Iteration(items=Const(list(items)), item_input="i", parallelism=limit, empty_is_skipped=skips)
    return task(
        key,
        template,
        after=after,
        trigger=trigger,
        is_exit=trigger is TriggerRule.ALL_DONE and draw(st.booleans()),
        condition=_condition(draw, earlier, source),
        retry=draw(_RETRIES),
        cache=CachePolicy(is_enabled=not with_limits or draw(st.integers(0, 3)) == 0) if with_limits else CachePolicy(),
        **fields,
    )


def _condition(draw: st.DrawFn, earlier: list[TaskSpec], source: str | None) -> Expr | None:
    kind = draw(st.integers(0, 7))
    if kind == 0:
        return Const(draw(st.booleans()))
    is_leaf = source is not None and any(spec.key == source and spec.template in LEAVES and spec.iteration is None for spec in earlier)
    if kind in (1, 2) and is_leaf and source is not None:
        return Call("==", (TaskOutput(source, "out"), Const(draw(st.integers(0, 1)))))
    return None


def graph_of(found: RunPlan, name: str) -> GraphTemplate:
    """Graph template `name` of a plan."""
    template = found.templates[name]
    assert isinstance(template, GraphTemplate)
    return template
