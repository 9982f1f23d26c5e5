"""The transition table, its diagram in the docs, and errors that tell their story."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.domain.ids import TaskPath
from penstock.engine.phases import FINAL, PUBLIC_STATE, TRANSITIONS, Phase
from penstock.engine.story import IllegalTransitionError, Story, draw, table

DOC = Path(__file__).parents[3] / "docs" / "engine.md"


def test_the_document_shows_the_table_as_it_is() -> None:
    text = DOC.read_text(encoding="utf-8")
    hint = "docs/engine.md is out of date: paste the output of penstock.engine.story.draw() and table()"
    assert draw() in text, hint
    assert table() in text, hint


def test_every_phase_has_a_row_and_a_public_state() -> None:
    assert set(TRANSITIONS) == set(Phase) == set(PUBLIC_STATE)
    assert all(PUBLIC_STATE[phase].is_final == (phase in FINAL) for phase in Phase)


def test_every_phase_is_reached_and_every_final_one_can_be_left_by_a_retry() -> None:
    reached = {goal for goals in TRANSITIONS.values() for goal in goals}
    assert reached == set(Phase)
    assert all(set(TRANSITIONS[phase]) == {Phase.WAITING} for phase in FINAL)


def test_an_illegal_move_raises_with_what_led_to_it() -> None:
    story = Story()
    path = TaskPath("root/a")
    story.event("RunSubmitted", "")
    story.move(path, Phase.WAITING, Phase.LAUNCHED)
    with pytest.raises(
        IllegalTransitionError, match=r"(?s)cannot move from LAUNCHED to SKIPPED.*RunSubmitted.*WAITING -> LAUNCHED"
    ) as caught:
        story.move(path, Phase.LAUNCHED, Phase.SKIPPED)
    assert caught.value.path == path
