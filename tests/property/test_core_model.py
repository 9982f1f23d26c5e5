"""Whatever the order of completions, a run comes to what the naive model says."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.domain.execution import Failure, TaskOutputs
from penstock.domain.plan import RunPlan
from penstock.engine.commands import LaunchAttempt
from tests.property.naive_model import expect, failures_before_success
from tests.property.random_plans import plans
from tests.support.worlds import World, fails, succeeds


@given(plan=plans(fail_fast=False, with_limits=False), seed=st.integers(0, 1000), order=st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_run_comes_to_what_the_model_says(plan: RunPlan, seed: int, order: random.Random) -> None:
    def outcome(command: LaunchAttempt) -> TaskOutputs | Failure:
        is_early = command.request.key.attempt < failures_before_success(seed, command.path)
        return fails(command) if is_early else succeeds(command)

    world = World(plan)
    while open_commands := world.open():
        world.answer(order.choice(open_commands), outcome)

    expectation = expect(plan, seed)
    assert {path: node.state.value for path, node in world.state.nodes.items()} == expectation.states
    outs = {path: node.outputs.parameters["out"] for path, node in world.state.nodes.items() if "out" in node.outputs.parameters}
    assert outs == expectation.outs
