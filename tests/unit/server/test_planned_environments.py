from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.kfp_api import pipeline_spec

from penstock.domain.ids import TaskPath
from penstock.domain.plan import ContainerWork, LeafTemplate, RunPlan
from penstock.executors.process.environments import Environments, EnvironmentSettings
from penstock.executors.process.interpreters import Interpreters
from penstock.pipelines.cache_plan import CachePlan, Forecast, PlannedTask
from penstock.server.planned_environments import PlannedEnvironments
from penstock.spec.loader import SpecPlanLoader

_WITH_PACKAGES = [
    "sh",
    "-c",
    ('\nif ! [ -x "$(command -v pip)" ]; then\n    python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip\nfi\n\n'
    "PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --no-warn-script-location 'kfp==2.14.0' "
    "'--no-deps' 'typing-extensions>=3.7.4,<5; python_version<\"3.9\"'  &&  python3 -m pip install --quiet --no-warn-script-location "
    "'scikit-learn>=1.4' && \"$0\" \"$@\"\n"),
    "sh",
    "-ec",
    ('program_path=$(mktemp -d)\n\nprintf "%s" "$0" > "$program_path/ephemeral_component.py"\n'
    "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main"
    "                         --component_module_path"
    '                         "$program_path/ephemeral_component.py"'
    '                         "$@"\n'),
    "\nimport kfp\nfrom kfp import dsl\nfrom kfp.dsl import *\nfrom typing import *\n\ndef work(n: int):\n    print(n)\n\n",
]  # fmt: skip


def plan_of(container: dict[str, Any]) -> RunPlan:
    spec = pipeline_spec()
    spec["sdkVersion"] = "kfp-2.14.0"
    spec["deploymentSpec"]["executors"]["exec-work"]["container"] = container
    return SpecPlanLoader().load("kfp", {"pipeline_spec": spec, "platform_spec": {}})


def planned(plan: RunPlan, *outcomes: Forecast) -> CachePlan:
    leaf = next(name for name, one in plan.templates.items() if isinstance(one, LeafTemplate) and isinstance(one.work, ContainerWork))
    tasks = [PlannedTask(TaskPath(f"t{n}"), f"t{n}", outcome, "", template=leaf) for n, outcome in enumerate(outcomes)]
    return CachePlan(tasks, 0.0, is_partial=False, plan=plan)


def planned_environments(root: Path, *, is_offline: bool = False) -> PlannedEnvironments:
    return PlannedEnvironments(Environments(root, Interpreters({}, is_strict=True), EnvironmentSettings(is_offline=is_offline)))


async def test_tasks_that_are_executed_share_an_entry_and_reused_ones_have_none(tmp_path: Path) -> None:
    plan = plan_of({"image": "registry.example/tool:1", "command": ["echo"]})
    outcomes = (Forecast.RUN, Forecast.CACHED, Forecast.UNKNOWN, Forecast.SKIPPED)
    entries = await planned_environments(tmp_path / "envs").of(planned(plan, *outcomes))
    assert [(entry["state"], entry["tasks"], entry["packages"]) for entry in entries] == [("missing", ["t0", "t2"], ())]
    assert not (tmp_path / "envs").exists()


async def test_packages_of_a_component_are_named_and_a_server_without_network_says_so(tmp_path: Path) -> None:
    plan = plan_of(
        {
            "image": "registry.example/tool:1",
            "command": _WITH_PACKAGES,
            "args": ["--executor_input", "{{$}}", "--function_to_execute", "work"],
        }
    )
    (entry,) = await planned_environments(tmp_path, is_offline=True).of(planned(plan, Forecast.RUN))
    assert "scikit-learn>=1.4" in entry["packages"]
    assert any(package.startswith("kfp") for package in entry["packages"])
    assert entry["is_offline"]


async def test_an_interpreter_that_is_not_here_is_told_before_the_run(tmp_path: Path) -> None:
    plan = plan_of({"image": "python:3.99", "command": ["echo"]})
    (entry,) = await planned_environments(tmp_path).of(planned(plan, Forecast.RUN))
    assert entry["state"] == "refused"
    assert "Python 3.99" in entry["note"]


async def test_nothing_is_said_of_an_image_that_is_an_input(tmp_path: Path) -> None:
    plan = plan_of({"image": "{{$.inputs.parameters['text']}}", "command": ["echo"]})
    assert await planned_environments(tmp_path).of(planned(plan, Forecast.RUN)) == []
