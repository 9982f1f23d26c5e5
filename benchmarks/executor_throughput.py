"""How many no-op kfp components a second the process executor runs, without engine and store.

Usage: .venv/bin/python -m benchmarks.executor_throughput [--tasks 500] [--slots 8] [--rounds 3]

Prints tasks/s, the server's own CPU time and the tasks' CPU time per task, and for comparison what the same component costs as the
compiled command (an interpreter per task).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.domain.execution import (
    AttemptFinished,
    AttemptKey,
    AttemptLayout,
    AttemptReport,
    EnvironmentRequest,
    LaunchRequest,
    OutputParameterFile,
    ParsedOutputs,
    ProcessSpec,
    PythonTask,
    RawOutputs,
    RunContext,
)
from penstock.domain.ids import RunId, TaskId, TaskPath
from penstock.domain.plan import ContainerWork, LeafTemplate, ParameterType
from penstock.executors.process.environments import Environments, EnvironmentSettings
from penstock.executors.process.executor import ExecutorSettings, ProcessExecutor
from penstock.executors.process.interpreters import Interpreters
from penstock.executors.process.limits import find_limiter
from penstock.executors.process.machine import machine_capacity
from penstock.server.clock import SystemClock, SystemIds
from penstock.stores.blobs.local import LocalBlobStore

SOURCE = """
import kfp
from kfp import dsl
from kfp.dsl import *
from typing import *

def noop(x: int) -> int:
    return x
"""
SCRIPT = (
    'program_path=$(mktemp -d)\n\nprintf "%s" "$0" > "$program_path/ephemeral_component.py"\n'
    '_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --component_module_path "$program_path/ephemeral_component.py" "$@"\n'
)
RUN = RunContext(RunId("bench"), "bench", "bench-x", "bench", "minio://mlpipeline/v2/artifacts", 0.0, 0.0)


class NoopDialect:
    """Prepares the same component for every request."""

    is_warm = True

    def prepare(self, request: LaunchRequest, layout: AttemptLayout, secrets: Any) -> ProcessSpec:
        """Return the component as the compiler writes it."""
        output = layout.outputs / "Output"
        document = {
            "inputs": {"parameterValues": {"x": 1}},
            "outputs": {"parameters": {"Output": {"outputFile": str(output)}}, "outputFile": str(layout.outputs / "executor_output.json")},
        }
        text = json.dumps(document)
        return ProcessSpec(
            argv=("sh", "-ec", SCRIPT, SOURCE, "--executor_input", text, "--function_to_execute", "noop"),
            python=PythonTask(SOURCE, "noop", "kfp.dsl.executor_main", text, runtime_mode=True) if self.is_warm else None,
            environment=EnvironmentRequest(no_deps=("kfp==2.17.0",)),
            directories=(layout.outputs,),
            output_parameters=(OutputParameterFile("Output", output, ParameterType.NUMBER_INTEGER),),
            executor_output=layout.outputs / "executor_output.json",
            path_prefixes={"minio": f"{layout.mounts}/minio"},
        )

    def parse_outputs(self, request: LaunchRequest, spec: ProcessSpec, raw: RawOutputs) -> ParsedOutputs:
        """Return the return value."""
        return ParsedOutputs(json.loads(raw.executor_output or b"{}").get("parameterValues", {}), {})


@dataclass
class Counter:
    """Sink that counts ends."""

    expected: int
    done: asyncio.Event = field(default_factory=asyncio.Event)
    cpu_seconds: list[float] = field(default_factory=list)
    failures: int = 0

    def __call__(self, report: AttemptReport) -> None:
        """Note an end."""
        if isinstance(report, AttemptFinished):
            self.cpu_seconds.append(report.usage.get("cpu_seconds", 0.0))
            self.failures += report.failure is not None
            if len(self.cpu_seconds) >= self.expected:
                self.done.set()


async def measure(data: Path, label: str, *, is_warm: bool, tasks: int, slots: int) -> float:
    dialect = NoopDialect()
    dialect.is_warm = is_warm
    executor = ProcessExecutor(
        data,
        dialects={"kfp": dialect},
        secrets=None,  # type: ignore[arg-type]  # nothing here asks for one
        blobs=LocalBlobStore(data / "blobs"),
        environments=Environments(data / "envs", Interpreters({}, is_strict=False), EnvironmentSettings()),
        limiter=find_limiter(),
        clock=SystemClock(),
        ids=SystemIds(),
        settings=ExecutorSettings(capacity=machine_capacity(slots=slots)),
    )
    for phase, count in (("warm-up", 1), ("run", tasks)):
        counter = Counter(count)
        executor._sink = counter  # noqa: SLF001  a new listener per phase
        began, cpu = time.perf_counter(), time.process_time()
        for number in range(count):
            key = AttemptKey(RUN.run_id, TaskId(f"{label}-{phase}-{number}"), 0)
            leaf = LeafTemplate("noop", ContainerWork("python:3.11"))
            await executor.launch(LaunchRequest(key, "kfp", RUN, TaskPath("root/noop"), "noop", "noop", leaf, {}, {}))
        await counter.done.wait()
        took, server = time.perf_counter() - began, time.process_time() - cpu
    await executor.close(leave_running=False)
    task_cpu = statistics.mean(counter.cpu_seconds)
    costs = f"server CPU {server / tasks * 1000:6.2f} ms/task   task CPU {task_cpu * 1000:6.2f} ms/task"
    print(f"{label:12} {tasks / took:8.1f} tasks/s   {costs}   failures {counter.failures}")
    return tasks / took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        rates = [
            asyncio.run(measure(data, f"warm-{number}", is_warm=True, tasks=options.tasks, slots=options.slots))
            for number in range(options.rounds)
        ]
        command = asyncio.run(measure(data, "command", is_warm=False, tasks=max(10, options.tasks // 10), slots=options.slots))
    print(f"warm, median: {statistics.median(rates):.0f} tasks/s, {statistics.median(rates) / command:.1f} times the compiled command")


if __name__ == "__main__":
    main()
