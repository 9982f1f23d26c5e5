"""`wandb_log` on functions of KFP components: parameters become config, return values are logged (wandb.md section 15)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.wandb.conftest import Client
from tests.support.clients import client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance


def test_a_decorated_function_is_tracked(wandb_server: LiveServer, tmp_path: Path) -> None:
    client = Client(client_python("wandb==0.31.0", "kfp==2.17.0"), wandb_server, tmp_path)
    answer = client.run(
        """
from kfp import dsl
from wandb.integration.kfp import wandb_log

@wandb_log
def add(a: float, b: float) -> float:
    return a + b

add(a=1.5, b=2.0)
[run] = wandb.Api().runs(PROJECT)
answer = {"config": {k: v for k, v in run.config.items() if k in "ab"}, "sum": run.summary["add"], "job": run.job_type, "group": run.group}
""",
        WANDB_RUN_GROUP="flow/with/slashes",
    )
    assert answer == {"config": {"a": 1.5, "b": 2.0}, "sum": 3.5, "job": "add", "group": "flow/with/slashes"}
