"""What a step asks of its environment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from penstock.spec.argo.wishes import KERAS_PIN, environment_of
from penstock.spec.kfp.runtime.pip_commands import Installs

if TYPE_CHECKING:
    from penstock.domain.execution import LaunchRequest
    from penstock.spec.argo.leaf import Leaf


def constraints(requirements: tuple[str, ...], sdk: str = "1.8.22") -> tuple[str, ...]:
    request = cast("LaunchRequest", SimpleNamespace(run=SimpleNamespace(sdk_version=sdk)))
    leaf = cast("Leaf", SimpleNamespace(container={"image": "python:3.7"}))
    return tuple(environment_of(request, leaf, Installs(requirements=requirements)).constraints)


def test_a_step_of_kfp_1_8_gets_versions_that_work_with_it() -> None:
    assert constraints(("kfp", "wandb")) == ("kfp==1.8.22", "wandb<=0.24.2", "setuptools<81")
    assert constraints(("tensorflow", "numpy"), sdk="2.17.0") == ()


@pytest.mark.parametrize(("requirement", "is_pinned"), [("tensorflow", True), ("keras", True), ("tensorflow==2.17.0", False), ("tensorflow>=2.16", False)])
def test_keras_is_of_the_time_of_the_program_unless_the_program_says_which(requirement: str, *, is_pinned: bool) -> None:
    assert (KERAS_PIN in constraints((requirement, "numpy"))) is is_pinned
