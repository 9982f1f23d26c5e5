"""How long a run would take by the history of its tasks: the longest chain of what is executed."""

from __future__ import annotations

from penstock.domain.expr import Const
from penstock.domain.plan import Iteration
from penstock.engine.index import PlanIndex
from penstock.pipelines.expected_time import ExpectedTime
from tests.support.plans import graph, leaf, plan, task
from tests.support.worlds import World

USUAL = {"a": 10.0, "b": 5.0, "c": 1.0}


def expected(world: World, free: frozenset[str] = frozenset(), usual: dict[str, float] | None = None) -> tuple[float, bool]:
    time = ExpectedTime(PlanIndex(world.plan), USUAL if usual is None else usual, free)  # type: ignore[arg-type]
    assert world.state.root is not None
    return time.of(world.state.root), time.is_partial


def made(*tasks: object) -> World:
    return World(plan(graph("root", *tasks), *(leaf(name) for name in "abc")))  # type: ignore[arg-type]


def test_what_runs_side_by_side_counts_once() -> None:
    world = made(task("one", "a"), task("two", "b"), task("three", "c", after=["one", "two"]))
    assert expected(world) == (11.0, False)


def test_reused_tasks_cost_nothing() -> None:
    world = made(task("one", "a"), task("two", "b"), task("three", "c", after=["one", "two"]))
    assert expected(world, frozenset({"root/one"})) == (6.0, False)


def test_what_never_ran_makes_the_time_a_lower_bound() -> None:
    world = made(task("one", "a"), task("three", "c", after=["one"]))
    assert expected(world, usual={"a": 10.0}) == (10.0, True)


def test_a_loop_that_runs_two_at_once_takes_as_long_as_its_turns() -> None:
    world = made(task("loop", "b", iteration=Iteration(items=Const([1, 2, 3]), item_input="x", parallelism=2)))
    assert expected(world) == (10.0, False)


def test_a_graph_that_has_not_begun_counts_by_its_definition() -> None:
    inner = graph("inner", task("first", "b"), task("second", "c", after=["first"]))
    world = World(plan(graph("root", task("one", "a"), task("in", "inner", after=["one"])), inner, *(leaf(name) for name in "abc")))
    assert expected(world) == (16.0, False)
