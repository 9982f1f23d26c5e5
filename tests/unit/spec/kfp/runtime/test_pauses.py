"""`set_debug_pause` of newer SDKs: the task runs, and says that nothing was paused."""

from __future__ import annotations

from tests.unit.spec.kfp.ir import container
from tests.unit.spec.kfp.runtime.attempts import leaf, prepare, request


def warnings(**variables: str) -> tuple[str, ...]:
    env = [{"name": name, "value": value} for name, value in variables.items()]
    return prepare(request(leaf(executor=container(env=env)))).warnings


def test_a_task_that_asks_to_be_paused_says_that_it_goes_on() -> None:
    (warning,) = warnings(ARGO_DEBUG_PAUSE_BEFORE="true", ARGO_DEBUG_PAUSE_ON_ERROR="true")
    assert warning.startswith("The task asks to be paused (ARGO_DEBUG_PAUSE_BEFORE, ARGO_DEBUG_PAUSE_ON_ERROR)")
    assert "replayed on your machine" in warning


def test_other_variables_say_nothing() -> None:
    assert warnings(ARGO_DEBUG_PAUSE_AFTER="false", GREETING="true") == ()
