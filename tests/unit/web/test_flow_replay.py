"""Lines that run a flow's task again: nothing of what a client recorded gets out of its quotes."""

from __future__ import annotations

import shlex
from typing import Any

from penstock.web.flows.replay import replay_of

PATH = "MyFlow/7/train/12"


def facts(**fields: str) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in fields.items()}


def graph(*decorators: dict[str, Any]) -> dict[str, Any]:
    return {"steps": {"train": {"decorators": list(decorators)}, "end": {"decorators": []}}, "decorators": []}


def test_names_that_clients_recorded_stay_words() -> None:
    found = replay_of("My Flow;x/$(id)/train/12", facts(script_name="-c import os; `id`", code_package="{}"), [], None)
    words = shlex.split(found.run)
    assert words[:6] == ["metaflow", "code", "pull", "My Flow;x/$(id)", "--dir", "replay_My_Flow_x_id_"]
    assert words[9:] == ["&&", "python", "./-c import os; `id`", "--no-pylint", "spin", "My Flow;x/$(id)/train/12"]


def test_packages_of_the_step_are_pinned_and_others_are_left_out() -> None:
    pypi = {"name": "pypi", "attributes": {"packages": {"cowsay": "6.1", "pandas": ">=2", "--index-url": "http://x"}}}
    found = replay_of(PATH, facts(ds_type="s3"), ["metaflow_version:2.19.39"], graph(pypi))
    assert shlex.split(found.install) == ["pip", "install", "metaflow==2.19.39", "boto3", "cowsay==6.1", "pandas>=2"]
    assert found.run.endswith(f"spin {PATH} --skip-decorators")
    other = replay_of("MyFlow/7/end/13", facts(), ["metaflow_version:2.12.1"], graph(pypi))
    assert shlex.split(other.install) == ["pip", "install", "metaflow>=2.19"]
    assert other.has_packages


def test_nodes_of_parallel_steps_have_no_line() -> None:
    found = replay_of(PATH, facts(), [], graph({"name": "parallel", "attributes": {}}))
    assert (found.is_parallel, found.run) == (True, "")


def test_a_local_datastore_is_named() -> None:
    assert replay_of(PATH, facts(ds_type="local", ds_root="/home/ada/.metaflow"), [], None).local_root == "/home/ada/.metaflow"
