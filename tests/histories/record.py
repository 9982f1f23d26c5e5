"""Records histories: `python -m tests.histories.record NAME` plays a scenario and writes its events and commands to a file.

A recorded file is never changed: it stands for runs that exist in people's databases. New behaviour gets a new file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from penstock.domain.execution import Failure, FailureKind
from penstock.domain.expr import Call, Const, FinalStatus, OwnInput, ScopeInput
from penstock.domain.ids import RunId
from penstock.domain.plan import Iteration, OutputRule, ParameterSpec, ParameterType, RetryPolicy, RunPlan, TriggerRule
from penstock.engine import events
from penstock.engine.commands import Command, LaunchAttempt
from tests.support.plans import CACHED, forward, graph, leaf, output, plan, task
from tests.support.play import FAIL, Play

FOLDER = Path(__file__).parent / "recorded"
_LOST = Failure(FailureKind.LOST, "the server was killed")


def training() -> RunPlan:
    """Load, a limited loop over learning rates, a condition on the collected results, an exit handler."""
    body = graph(
        "body",
        task("train", "maker", parameters={"x": ScopeInput("lr")}, cache=CACHED),
        inputs=["lr"],
        outputs={"o": forward("train", "o")},
    )
    promote = Call(">", (Call("size", (OwnInput("scores"),)), Const(1)))
    flow = graph(
        "flow",
        task("load", "maker", parameters={"x": Const(0)}, cache=CACHED),
        task("loop", "body", after=["load"], iteration=Iteration(items=Const([1, 2, 3]), item_input="lr", parallelism=2)),
        task("promote", "taker", parameters={"scores": output("loop", "o")}, condition=promote, retry=RetryPolicy(2, 10.0)),
        outputs={"scores": OutputRule(choices=(("loop", "o"),))},
    )
    bye = task(
        "bye",
        "notify",
        after=["exit-handler-1"],
        trigger=TriggerRule.ALL_DONE,
        is_exit=True,
        parameters={"s": FinalStatus("exit-handler-1")},
    )
    notify = leaf("notify", inputs={"s": ParameterSpec("s", ParameterType.TASK_FINAL_STATUS)})
    root = graph("root", task("exit-handler-1", "flow"), bye)
    templates = [leaf("maker", inputs=["x"], outputs=["o"]), leaf("taker", inputs=["scores"]), notify]
    return plan(root, flow, body, *templates)


def _all_good(play: Play) -> None:
    play.to_end()


def _troubled(play: Play) -> None:
    """A failure with retries, a lost attempt, a failed run, its retry."""
    play.outcomes.update({"promote": [FAIL, _LOST, FAIL, FAIL, {}], "root/exit-handler-1/loop[1]/train": [_LOST, {"o": 2}]})
    play.to_end()
    play.world.send(events.RetryRequested(play.world.clock + 100))
    play.to_end()


def _canceled(play: Play) -> None:
    """A cancel in the middle, and a retry of the rest."""
    while not any(command.path.endswith("train") for command in play.world.open() if isinstance(command, LaunchAttempt)):
        play.answer(play.world.open()[0].path)  # type: ignore[union-attr] # every open command here has a path
    play.world.send(events.CancelRequested(play.world.clock + 1, "terminated by user", 60.0))
    play.to_end()
    play.world.send(events.RetryRequested(play.world.clock + 100))
    play.to_end()


SCENARIOS: dict[str, tuple[Callable[[], RunPlan], Callable[[Play], None]]] = {
    "training-succeeds": (training, _all_good),
    "training-in-trouble": (training, _troubled),
    "training-canceled": (training, _canceled),
}


def command_to_json(command: Command) -> dict[str, Any]:
    """What a command asks, short: launches by key and inputs, everything else whole."""
    if isinstance(command, LaunchAttempt):
        request = command.request
        body: dict[str, Any] = {
            "path": command.path,
            "attempt": request.key.attempt,
            "task_id": request.key.task_id,
            "parameters": request.parameters,
            "user_retry_index": request.user_retry_index,
            "run_status": request.run_status,
        }
    else:
        body = asdict(command)
    return {"type": type(command).__name__, **json.loads(json.dumps(body))}


def record(name: str) -> dict[str, Any]:
    """Play scenario `name`."""
    make, act = SCENARIOS[name]
    play = Play(make(), {"load": {"o": 0}, "train": {"o": 1}})
    act(play)
    records = [events.to_record(RunId("run-1"), seq, event) for seq, event in enumerate(play.world.log)]
    turns = [
        {
            "at": record.at,
            "type": record.type,
            "payload": json.loads(record.payload),
            "commands": [command_to_json(command) for command in commands],
        }
        for record, commands in zip(records, play.world.commands, strict=True)
    ]
    return {"scenario": name, "final": play.states(), "turns": turns}


def main() -> None:
    """Record the scenarios named on the command line; existing files are left alone."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:]:
        path = FOLDER / f"{name}.json"
        if path.exists():
            sys.exit(f"{path} exists: histories are not recorded twice")
        path.write_text(json.dumps(record(name), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
