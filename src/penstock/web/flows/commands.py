"""Lines for the reader's shell that steer a run of a flow, with the client's own commands. Pure.

A run that somebody started is a process of that user, on a machine that the client does not name: this server neither starts nor ends it.
It can say how: `resume` and `run` of the flow's file, and the signal that Ctrl-C sends, to the process that started the tasks of the run.

Semantics: observed with metaflow 2.19: the command line of each task's process has `--run-id <id>`, and its parent is the flow's own
process; on SIGINT that one ends its tasks and the run. `resume` begins at the step that failed unless a step is named.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.web.flows.parameters import declared
from penstock.web.flows.replay import package_environment

_MOST_CHARACTERS = 200
"""Of a parameter's value that a line repeats."""


@dataclass(frozen=True, slots=True)
class FlowCommands:
    """What may be pasted, each a line or a few."""

    pull: str
    """Fetches the code of the run; empty where it was not kept."""
    resume: str
    resume_from: str
    """The same from a step on; empty when no step is known."""
    again: str
    """Runs the flow with the same parameters, as far as they are plain."""
    left_out: Sequence[str]
    """Parameters that `again` does not repeat."""
    unsure: Sequence[str]
    """Those of `again` whose option may have another name: the client tells that of the attribute."""
    cancel: str
    create: str
    """Deploys the flow to this server."""
    schedule: str
    """What stands above the class of a flow that runs by itself."""
    logs: str


def commands_of(
    path: str, *, script: str, step: str, values: Mapping[str, Any], has_code: bool, graph: Mapping[str, Any] | None
) -> FlowCommands:
    """Return the lines for the run at `Flow/run`.

    Args:
        path: of the run.
        script: file of the flow, as the client told it.
        step: the one to go on from; empty when none is known.
        values: plain values of its parameters by name; None for those that are not plain.
        has_code: whether the run's code package is stored.
        graph: the flow's definition (`_graph_info`), None when it cannot be read.
    """
    run_id = path.partition("/")[2]
    file = f"./{script}" if script.startswith("-") else script
    environment = package_environment(graph or {})
    program = ["python", file, *([f"--environment={environment}"] if environment else [])]
    options = {name: _option(value) for name, value in values.items()}
    configs = {str(item.get("name")) for item in declared(graph) if item.get("type") == "Config"}
    said = {name: text for name, text in options.items() if text is not None}
    config = [word for name, text in said.items() if name in configs for word in ("--config-value", name, text)]
    given = [word for name, text in said.items() if name not in configs for word in (f"--{name}", text)]
    folder = re.sub(r"[^A-Za-z0-9]+", "_", path)[:80]
    tasks = shlex.quote(f"{file} .*--run-id {re.escape(run_id)}( |$)")
    return FlowCommands(
        pull=f"{shlex.join(['metaflow', 'code', 'pull', path, '--dir', folder])} && cd {folder}" if has_code else "",
        resume=shlex.join([*program, "resume", "--origin-run-id", run_id]),
        resume_from=shlex.join([*program, "resume", step, "--origin-run-id", run_id]) if step else "",
        again=shlex.join([*program, *config, "run", *given]),
        unsure=[name for name in said if "_" in name],
        left_out=[name for name, text in options.items() if text is None],
        cancel=f"kill -INT $(ps -o ppid= -p $(pgrep -f -- {tasks} | head -n 1))",
        create=f"{shlex.join([*program, 'penstock', 'create'])}",
        schedule='@schedule(cron="0 6 * * ? *")',
        logs=shlex.join(["python", file, "logs", "show", f"{run_id}/{step or 'start'}"]),
    )


def _option(value: Any) -> str | None:
    """A value as the client's command line takes it; None when it cannot be said there."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float | str):
        text = str(value)
    elif isinstance(value, Mapping | list):
        text = json.dumps(value)
    else:
        return None
    return text if len(text) <= _MOST_CHARACTERS else None
