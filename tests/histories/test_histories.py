"""Recorded histories replay for ever: the same events still give the same commands and the same end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.domain.ids import RunId
from penstock.engine.core import apply
from penstock.engine.events import from_record
from penstock.engine.index import PlanIndex
from penstock.engine.nodes import RunState
from penstock.interfaces.journal import EventRecord
from tests.histories.record import FOLDER, SCENARIOS, command_to_json
from tests.support.plans import new_run

RECORDED = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_history_gives_the_same_commands(path: Path) -> None:
    history = json.loads(path.read_text(encoding="utf-8"))
    make, _ = SCENARIOS[history["scenario"]]
    state = RunState(new_run(), PlanIndex(make()))
    for seq, turn in enumerate(history["turns"]):
        event = from_record(EventRecord(RunId("run-1"), seq, turn["at"], turn["type"], json.dumps(turn["payload"])))
        commands = apply(state, event)
        assert commands is not None, f"event {seq} ({turn['type']}) is ignored now"
        assert [command_to_json(command) for command in commands] == turn["commands"], f"event {seq} ({turn['type']})"
    assert {node_path.removeprefix("root/"): node.state.value for node_path, node in state.nodes.items()} == history["final"]


def test_every_scenario_is_recorded() -> None:
    assert {path.stem for path in RECORDED} == set(SCENARIOS)
