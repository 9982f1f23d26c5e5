"""Runs of the pipeline programs on a live server, submitted by the real client of each SDK, and what came of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import httpx

from tests.conformance.programs import CompiledPrograms, Program, all_programs
from tests.support.clients import client_environment, client_python
from tests.support.server import LiveServer

_SUBMIT = """
import json, sys
import kfp

client = kfp.Client(host=sys.argv[1])
runs = {}
for name, package, arguments in json.loads(sys.argv[2]):
    runs[name] = client.create_run_from_pipeline_package(package, arguments=arguments, run_name=name).run_id
print(json.dumps(runs))
"""


class SubmittedPrograms:
    """Submits the programs of one client environment together, because importing the SDK costs more than submitting."""

    def __init__(self, server: LiveServer, compiled: CompiledPrograms) -> None:
        self.server = server
        self._compiled = compiled
        self._runs: dict[tuple[str, ...], dict[str, str]] = {}

    def run_id(self, program: Program, sdk: str) -> str:
        """Return the id of the program's run."""
        requirements = program.requirements(sdk)
        if requirements not in self._runs:
            batch = [other for other in all_programs() if sdk in other.sdks and other.extra == program.extra]
            self._runs[requirements] = self._submit(requirements, sdk, batch)
        return self._runs[requirements][program.name]

    def outcome(self, program: Program, sdk: str) -> Outcome:
        """Wait until the run has ended and return what came of it."""
        run = self.server.wait_for_run(self.run_id(program, sdk), seconds=240.0)
        return Outcome(self.server, run)

    def _submit(self, requirements: tuple[str, ...], sdk: str, batch: list[Program]) -> dict[str, str]:
        for program in batch:
            self._store("secrets", program.secrets)
            self._store("configmaps", program.config_maps)
        jobs = json.dumps([(program.name, str(self._compiled.path(program, sdk)), dict(program.arguments)) for program in batch])
        done = subprocess.run(
            [str(client_python(*requirements)), "-W", "ignore", "-c", _SUBMIT, self.server.url, jobs],
            env=client_environment(HOME=str(self.server.data_dir)),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{done.stderr}\n{self.server.log[-4000:]}"
        runs: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return runs

    def _store(self, kind: str, entries: Mapping[str, Mapping[str, str]]) -> None:
        for name, values in entries.items():
            answer = httpx.put(f"{self.server.url}/apis/v2beta1/{kind}/{name}", json={"string_data": dict(values)}, timeout=30.0)
            assert answer.status_code == 200, answer.text


class Outcome:
    """A finished run, read through the REST API."""

    def __init__(self, server: LiveServer, run: Mapping[str, Any]) -> None:
        self._server = server
        self.run = run
        self.tasks: list[dict[str, Any]] = server.get(f"/apis/v2beta1/runs/{run['run_id']}/tasks", page_size=200).get("tasks", [])

    @property
    def state(self) -> str:
        """State of the run."""
        return str(self.run["state"])

    @property
    def error(self) -> str:
        """Message of the run's error."""
        return str(self.run.get("error", {}).get("message", ""))

    def outputs(self, name: str) -> list[Any]:
        """Return the values of output `<task name>.<key>` of every task of that name, sorted by their text."""
        shown, _, key = name.rpartition(".")
        found = [
            parameter["value"]
            for task in self._named(shown)
            for parameter in task.get("outputs", {}).get("parameters", [])
            if parameter["parameter_key"] == key
        ]
        return sorted(found, key=str)

    def states(self, name: str) -> list[str]:
        """Return the states of every task of that name, sorted."""
        return sorted(task["state"] for task in self._named(name))

    def _named(self, name: str) -> list[dict[str, Any]]:
        return [task for task in self.tasks if task.get("display_name") == name]

    def story(self) -> str:
        """Return what a person needs to understand a run that went otherwise: tasks with messages, logs of failed ones."""
        lines = [f"run {self.state}: {self.error}"]
        for task in self.tasks:
            message = task.get("status_metadata", {}).get("message", "")
            lines.append(f"{task['path']} {task['state']} {message} {json.dumps(task.get('outputs', {}))[:300]}")
            if task["state"] == "FAILED" and task["type"] == "RUNTIME":
                lines.append(self._log(task["task_id"]))
        return "\n".join(lines)

    def _log(self, task_id: str) -> str:
        answer = httpx.get(f"{self._server.url}/apis/v2beta1/tasks/{task_id}/log", timeout=30.0)
        return answer.text[-2000:]
