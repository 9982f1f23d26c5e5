"""Pipelines whose tasks leave marks on disk, so that a test can tell what ran and how often. Compiled by the real SDK."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.clients import KFP_NEWEST, client_environment, client_python

_SOURCE = '''
import sys
from kfp import compiler, dsl

IMAGE = "python:%d.%d" % sys.version_info[:2]

@dsl.component(base_image=IMAGE)
def mark(name: str, folder: str, seconds: float = 0.05, value: int = 0) -> int:
    """Leave a line per start and per end, log between them, and return the value plus one."""
    import os, time
    path = os.path.join(folder, name)
    with open(path + ".start", "a") as file:
        file.write("x")
    for line in range(20):
        print("%s line %d" % (name, line), flush=True)
        time.sleep(seconds / 20)
    with open(path + ".end", "a") as file:
        file.write("x")
    return value + 1

@dsl.component(base_image=IMAGE)
def sleeper(name: str, folder: str):
    """Leave a mark and wait until a file appears."""
    import os, time
    path = os.path.join(folder, name)
    with open(path + ".start", "a") as file:
        file.write("x")
    while not os.path.exists(os.path.join(folder, "go")):
        time.sleep(0.02)
    print("went on", flush=True)

@dsl.pipeline(name="marks")
def marks(folder: str, seconds: float = 0.05):
    first = mark(name="first", folder=folder, seconds=seconds)
    with dsl.ParallelFor(["a", "b", "c", "d"]) as letter:
        inner = mark(name=letter, folder=folder, seconds=seconds, value=first.output)
        mark(name=f"after-{letter}", folder=folder, seconds=seconds, value=inner.output)
    last = mark(name="last", folder=folder, seconds=seconds, value=first.output)
    with dsl.If(last.output > 1):
        mark(name="yes", folder=folder, seconds=seconds, value=last.output)

@dsl.pipeline(name="waiting")
def waiting(folder: str):
    task = sleeper(name="sleeper", folder=folder)
    task.set_caching_options(False)
    task.set_retry(2, backoff_duration="0s")

@dsl.pipeline(name="no-retry")
def no_retry(folder: str):
    sleeper(name="sleeper", folder=folder).set_caching_options(False)

for pipeline in (marks, waiting, no_retry):
    compiler.Compiler().compile(pipeline, sys.argv[1] + "/" + pipeline.name + ".yaml")
'''


def compile_programs(folder: Path) -> dict[str, str]:
    """Compile every pipeline; return the packages' text by pipeline name."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "fault_programs.py"
    program.write_text(_SOURCE)
    subprocess.run(
        [str(client_python(KFP_NEWEST)), str(program), str(folder)], check=True, env=client_environment(), capture_output=True, text=True
    )
    return {path.stem: path.read_text() for path in folder.glob("*.yaml")}
