"""A task of our own, run once when a warm parent starts, to learn which memory its tasks write to (`pages`).

It goes the whole way of a real one, from its message to its exit, in a directory of its own that is removed. Nothing depends on its
success.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import struct
import tempfile
from typing import Any, NoReturn

from penstock.executors.process.inside import child, pages, python_task

_MOST_SECONDS = 10.0
_REPORT = 63
"""Descriptor of the report, the last of those that a new task closes."""
_COMPONENT = """
import kfp
from kfp import dsl
from kfp.dsl import *
from typing import *

def sample(text: str, number: int) -> str:
    return text * number
"""
_PROGRAM = """
def sample(text, number):
    return text * number

def _serialize(value):
    return str(value)

import argparse
parser = argparse.ArgumentParser(prog='Sample', description='')
parser.add_argument("--text", dest="text", type=str, required=True, default=argparse.SUPPRESS)
parser.add_argument("--number", dest="number", type=int, required=True, default=argparse.SUPPRESS)
parser.add_argument("----output-paths", dest="_output_paths", type=str, nargs=1)
arguments = vars(parser.parse_args())
output_files = arguments.pop("_output_paths", [])
outputs = [sample(**arguments)]
import os
for place, value in zip(output_files, outputs):
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, 'w') as file:
        file.write(_serialize(value))
"""


def rehearse(preloaded: python_task.Preloaded, executor: str) -> pages.Copies:
    """Return what to copy ahead for tasks of this parent.

    Args:
        preloaded: what it has imported.
        executor: the kfp executor module that its tasks run; empty: programs of their own.
    """
    root = tempfile.mkdtemp(prefix="penstock-rehearsal-")
    try:
        copies = pages.Copies(_learn(_message(root, executor), preloaded))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    # Said here once whether the kernel does it, so that children of one that does not need not ask.
    return copies if copies.make(child.LIBC) else pages.Copies(())


def _learn(task: dict[str, Any], preloaded: python_task.Preloaded) -> list[int]:
    body = json.dumps(task).encode()
    task_reader, task_writer = os.pipe()
    os.write(task_writer, struct.pack(">I", len(body)) + body)  # less than a pipe holds
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _report_to(writer)
        child.await_task(task_reader, preloaded, pages.Copies(()), parent, None)
    for descriptor in (task_reader, task_writer, writer):
        os.close(descriptor)
    data = b""
    poll = select.poll()
    poll.register(reader)
    while poll.poll(_MOST_SECONDS * 1000) and (piece := os.read(reader, 1 << 16)):
        data += piece
    os.close(reader)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return [address for (address,) in struct.iter_unpack("<Q", data[: len(data) // 8 * 8])]


def _report_to(writer: int) -> None:
    """Make this process tell what it has written to before it leaves, whatever closes its descriptors until then."""
    leave, close_range = os._exit, os.closerange
    os.dup2(writer, _REPORT)

    def tell_and_leave(status: int) -> NoReturn:
        found = pages.written()
        with open(_REPORT, "wb") as pipe:
            pipe.write(struct.pack(f"<{len(found)}Q", *found))
        leave(status)

    os._exit = tell_and_leave
    os.closerange = lambda low, high: close_range(low, min(high, _REPORT))


def _message(root: str, executor: str) -> dict[str, Any]:
    """Return a message as `commands.Plan` words it."""
    place = {name: os.path.join(root, name) for name in ("log", "work", "tmp", "link", "outputs", "mounts")}
    output = os.path.join(place["outputs"], "parameters", "Output")
    document = {
        "inputs": {"parameterValues": {"text": "a", "number": 2}, "artifacts": {}},
        "outputs": {
            "parameters": {"Output": {"outputFile": output}},
            "artifacts": {},
            "outputFile": os.path.join(place["outputs"], "output_metadata.json"),
        },
    }
    env = {name: os.environ[name] for name in ("PATH", "LANG", python_task.RUNTIME_VARIABLE) if name in os.environ}
    samples = {f"SAMPLE_{number}": "value" * 8 for number in range(20)}
    return {
        "root": root,
        "log": place["log"],
        "cwd": place["work"],
        "tmp": place["tmp"],
        "tmp_link": place["link"],
        "directories": [place["work"], place["tmp"], place["outputs"], os.path.dirname(output)],
        "env": {**env, "HOME": place["tmp"], "TMPDIR": place["link"], **samples},
        "prefixes": {"minio": place["mounts"]},
        "spec": "{}",
        "python": {
            "source": _COMPONENT if executor else _PROGRAM,
            "function": "sample",
            "module": executor or "__main__",
            "executor_input": json.dumps(document),
            "argv": ["--text", "a", "--number", "2", "----output-paths", output],
        },
    }
