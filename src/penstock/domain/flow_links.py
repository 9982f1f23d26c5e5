"""Which flow task a tracked run belongs to, as far as the run itself tells. Pure.

Two signs, the surer first:
1. The command line of the writing process, which newer wandb clients keep in `config._wandb.value.e.<writer>.args`: Metaflow starts every
   task as `... step <step> --run-id <run> --task-id <task> ...`.
2. `@wandb_log` sets group `<Flow>/<run>` and job type `<step>` (Metaflow protocol notes, section 8).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FlowPlace:
    """A place in a recorded flow; None where unknown."""

    flow_id: str | None
    run_id: str
    """As clients name it."""
    step_name: str
    task_id: str | None


def place_of(group: str, job_type: str, config: str | None) -> FlowPlace | None:
    """Return where a tracked run comes from, or None when nothing points to a flow."""
    place = _from_config(config) if config is not None and "--task-id" in config else None
    if place is not None:
        return place
    flow_id, separator, run_id = group.partition("/")
    if not separator or not run_id or "/" in run_id or not flow_id.isidentifier() or not job_type.isidentifier():
        return None
    return FlowPlace(flow_id, run_id, job_type, None)


def _from_config(config: str) -> FlowPlace | None:
    try:
        document: Any = json.loads(config)
    except ValueError:
        return None
    for key in ("_wandb", "value", "e"):
        document = document.get(key) if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping):
        return None
    for writer in document.values():
        arguments = writer.get("args") if isinstance(writer, Mapping) else None
        place = _from_arguments(arguments) if isinstance(arguments, list) else None
        if place is not None:
            return place
    return None


def _from_arguments(arguments: Sequence[Any]) -> FlowPlace | None:
    words = [str(word) for word in arguments]
    if "step" not in words:
        return None
    after = words[words.index("step") + 1 :]
    found = {name: value for name, value in itertools.pairwise(after) if name in {"--run-id", "--task-id"}}
    if not after or len(found) != 2:
        return None
    return FlowPlace(None, found["--run-id"], after[0], found["--task-id"])
