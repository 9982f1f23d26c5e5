"""Whose key and whose address a step's own W&B variables are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from penstock.domain.ids import TaskId
from penstock.tracking.step_keys import StepKeys
from penstock.tracking.task_keys import TaskKeys

if TYPE_CHECKING:
    from penstock.domain.execution import LaunchRequest

URL = "http://127.0.0.1:8080"
KEYS = TaskKeys(b"secret", lambda _: [], user_name="ann")
TASK = TaskId("00000000-0000-4000-8000-000000000001")
OWN = KEYS.key_of(TASK)
VALID, FOREIGN = "a" * 40, "f" * 40
REQUEST = cast("LaunchRequest", SimpleNamespace(key=SimpleNamespace(task_id=TASK)))


def settle(**variables: str) -> tuple[dict[str, str], str]:
    secret, warning = StepKeys(URL, KEYS, lambda key: key == VALID)(REQUEST, variables)
    return dict(secret), warning


@pytest.mark.parametrize("address", [URL, f"{URL}/", "http://localhost:8080"])
def test_a_key_of_another_place_is_replaced_by_that_of_the_task(address: str) -> None:
    secret, warning = settle(WANDB_BASE_URL=address, WANDB_API_KEY=FOREIGN)
    assert secret == {"WANDB_API_KEY": OWN}
    assert "no key of this server" in warning


@pytest.mark.parametrize("key", [OWN, VALID, ""])
def test_keys_of_this_server_stay(key: str) -> None:
    assert settle(WANDB_BASE_URL=URL, WANDB_API_KEY=key) == ({}, "")


@pytest.mark.parametrize("address", ["https://api.wandb.ai", "http://127.0.0.1:9090", "http://other:8080", "http://bad:port"])
def test_an_address_of_another_place_is_left_alone_and_said(address: str) -> None:
    secret, warning = settle(WANDB_BASE_URL=address, WANDB_API_KEY=FOREIGN)
    assert secret == {}
    assert address in warning
