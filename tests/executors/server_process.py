"""A server cut down to its executor, to be killed: launches or adopts what it is told and writes reports to a file, line by line.

Usage: server_process.py DATA ENVS launch|adopt SCRIPT NAME...
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.executors.stage import make_executor, request_for, shell

from penstock.domain.execution import AttemptFinished


async def main(data: str, envs: str, verb: str, script: str, *names: str) -> None:
    executor, _, _ = make_executor(Path(data), lambda request, layout: shell(script.replace("NAME", request.task_key)), env_root=Path(envs))
    pending, done = set(names), asyncio.Event()

    def hear(report) -> None:
        line = {"task": report.key.task_id, "type": type(report).__name__, "text": getattr(report, "text", None)}
        if isinstance(report, AttemptFinished):
            line |= {"failure": report.failure and report.failure.kind, "canceled": bool(report.failure and report.failure.was_canceled)}
            pending.discard(report.key.task_id)
        else:
            line["detail"] = dict(getattr(report, "detail", {}))
        print(json.dumps(line, default=str), flush=True)
        if not pending:
            done.set()

    await executor.start(hear)
    for name in names:
        request = request_for(name)
        if verb == "launch":
            await executor.launch(request)
        elif await executor.adopt(request):
            print(json.dumps({"task": name, "type": "adopted"}), flush=True)
        else:
            print(json.dumps({"task": name, "type": "free"}), flush=True)
            await executor.launch(request)
    print(json.dumps({"type": "ready"}), flush=True)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), lambda: cancel_on_request(executor, sys.stdin.readline().strip()))
    await done.wait()
    await executor.close(leave_running=True)


def cancel_on_request(executor, name: str) -> None:
    if name:
        executor.asked = asyncio.ensure_future(executor.cancel(request_for(name).key, reason="asked on stdin", grace_seconds=0.2))
    else:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
