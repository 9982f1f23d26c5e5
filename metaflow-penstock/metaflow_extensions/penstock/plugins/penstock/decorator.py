"""What every step of a deployed flow gets: `current.trigger`, and the metadata row from which `Run.trigger` reads."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List

from metaflow import current
from metaflow.decorators import StepDecorator
from metaflow.events import Trigger
from metaflow.metadata_provider import MetaDatum

TRIGGERS_VARIABLE = "METAFLOW_PENSTOCK_TRIGGERS"
"""Set by the server for tasks of a run that events started: a JSON list of texts, each the JSON of an event."""


class PenstockInternalDecorator(StepDecorator):
    """Added to the steps of deployed flows by their tasks; not for use in flows."""

    name = "penstock_internal"

    def task_pre_step(
        self,
        step_name: str,
        task_datastore: Any,
        metadata: Any,
        run_id: str,
        task_id: str,
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: Any,
        inputs: Any,
    ) -> None:
        """Tell the step what started its run."""
        triggers = triggers_from(os.environ.get(TRIGGERS_VARIABLE))
        if not triggers:
            return
        current._update_env({"trigger": Trigger([dict(trigger) for trigger in triggers])})
        if step_name == graph.start_step:
            tags = ["attempt_id:%d" % retry_count]
            kind = "execution-triggers"
            metadata.register_metadata(run_id, step_name, task_id, [MetaDatum(kind, json.dumps(triggers), kind, tags)])


def triggers_from(text: "str | None") -> List[Dict[str, Any]]:
    """Return the events in Metaflow's form: timestamp, id, name and type."""
    found = []
    for item in json.loads(text or "[]"):
        try:
            event = json.loads(item)
        except ValueError:  # somebody's event id broke the text; the run has its parameters all the same
            continue
        found.append(_run_event(event) if event.get("type") == "run" else _event(event))
    return found


def _event(event: Dict[str, Any]) -> Dict[str, Any]:
    return {"timestamp": _seconds(event.get("timestamp")), "id": event.get("id") or None, "name": event.get("name"), "type": "event"}


def _run_event(event: Dict[str, Any]) -> Dict[str, Any]:
    from metaflow import Run

    run = str(event.get("run", ""))
    path = run if "/" in run else "%s/%s" % (event.get("flow"), run)
    end = Run(path, _namespace_check=False).end_task
    return {
        "timestamp": _seconds(event.get("timestamp")),
        "id": end.pathspec if end is not None else path + "/end/0",
        "name": "metaflow.%s.end" % path.split("/")[0],
        "type": "run",
    }


def _seconds(text: Any) -> "int | None":
    try:
        return int(float(text))
    except (TypeError, ValueError):
        return None
