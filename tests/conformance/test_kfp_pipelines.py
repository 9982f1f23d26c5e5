"""Every construct of the pipeline language, compiled and submitted by the real SDKs, run by a live server, judged through REST."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.programs import CompiledPrograms, Program, cases
from tests.conformance.submitted import SubmittedPrograms
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance

CASES = cases()


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory, compiled_programs: CompiledPrograms) -> Iterator[SubmittedPrograms]:
    """One server for all programs."""
    with LiveServer(tmp_path_factory.mktemp("server") / "data") as server:
        yield SubmittedPrograms(server, compiled_programs)


@pytest.mark.parametrize(("program", "sdk"), CASES, ids=[f"{program.name}-{sdk}" for program, sdk in CASES])
def test_a_program_ends_as_expected(program: Program, sdk: str, submitted: SubmittedPrograms) -> None:
    outcome = submitted.outcome(program, sdk)

    if "mounts" in program.needs and any("allows no private mounts" in word for task in outcome.tasks for word in task.get("warnings", [])):
        pytest.skip("this host has no private mounts, and the tasks say so")
    expect = program.expect
    story = outcome.story()
    assert outcome.state == expect["state"], story
    assert {name: outcome.outputs(name) for name in expect.get("outputs", {})} == expect.get("outputs", {}), story
    assert {name: outcome.states(name) for name in expect.get("states", {})} == expect.get("states", {}), story
    assert expect.get("error", "") in outcome.error, story
