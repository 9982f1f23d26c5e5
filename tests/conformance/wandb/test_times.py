"""Times as the public API gives them: programs read them with `strptime` and put them into filters again."""

from __future__ import annotations

import pytest

from tests.conformance.wandb.conftest import Client

pytestmark = pytest.mark.conformance


def test_times_are_whole_seconds_that_find_their_run_again(any_client: Client) -> None:
    answer = any_client.run(
        """
import time
from datetime import datetime
for name in ("one", "two"):
    with wandb.init(id=name) as run:
        run.log({"x": 1})
        artifact = wandb.Artifact("ds", "dataset", metadata={"of": name})
        with artifact.new_file("a.txt") as file:
            file.write(name)
        run.log_artifact(artifact).wait()
    time.sleep(1.1)
api = wandb.Api()
one, two = api.run(f"{PROJECT}/one"), api.run(f"{PROJECT}/two")
version = api.artifact(f"{PROJECT}/ds:v0")
told = [one.created_at, one.heartbeatAt, version.created_at, one.file("wandb-summary.json").updated_at]
read = [datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").year > 2000 for text in told]
def found(**condition):
    condition = {f"${name}": value for name, value in condition.items()}
    return sorted(run.id for run in wandb.Api().runs(PROJECT, filters={"created_at": condition}))
answer = {"read": read, "eq": found(eq=one.created_at), "ne": found(ne=one.created_at), "gt": found(gt=one.created_at),
          "gte": found(gte=one.created_at), "lt": found(lt=two.created_at), "lte": found(lte=one.created_at),
          "in": found(**{"in": [two.created_at]})}
"""
    )
    assert answer == {
        "read": [True] * 4, "eq": ["one"], "ne": ["two"], "gt": ["two"], "gte": ["one", "two"], "lt": ["one"], "lte": ["one"],
        "in": ["two"],
    }  # fmt: skip
