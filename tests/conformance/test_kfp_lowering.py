"""What the real SDKs compile is read, validated and lowered, and its Python components are recognised."""

from __future__ import annotations

import pytest

from penstock.domain.plan import ContainerWork, LeafTemplate
from penstock.spec.kfp.runtime.python_component import recognize
from penstock.spec.loader import SpecPlanLoader
from penstock.spec.packages import read_package
from tests.conformance.programs import CompiledPrograms, Program, cases

pytestmark = pytest.mark.conformance

CASES = cases()


@pytest.mark.parametrize(("program", "sdk"), CASES, ids=[f"{program.name}-{sdk}" for program, sdk in CASES])
def test_a_compiled_program_lowers_to_a_plan(program: Program, sdk: str, compiled_programs: CompiledPrograms) -> None:
    path = compiled_programs.path(program, sdk)

    package = read_package(path.read_bytes(), path.name)
    plan = SpecPlanLoader().load(package.kind, package.content)

    assert plan == SpecPlanLoader().load(package.kind, package.content)
    assert plan.extra["sdk_version"] == f"kfp-{sdk}"
    containers = [t.work for t in plan.templates.values() if isinstance(t, LeafTemplate) and isinstance(t.work, ContainerWork)]
    unrecognised = [work.command for work in containers if "executor_main" in str(work.command) and not recognize(work.command, work.args)]
    assert unrecognised == []
