"""Output parameters that the SDK of kfp 1.8 leaves out although a group hands them on.

The SDK writes every output of a step as a file, and as a parameter too where a step takes its value. When the value leaves a condition or
a loop, only the group says so (`{{tasks.a.outputs.parameters.a-o}}` among its outputs), and the step is left with the file (observed with
1.8.22). The file's text is meant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.spec.argo.text import tag_names


def with_lost_outputs(templates: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the templates, with a parameter for each output file of a container whose value a graph asks for by the file's name."""
    wanted: dict[str, set[str]] = {}
    for template in templates.values():
        for name, key in _asked_for(template):
            wanted.setdefault(name, set()).add(key)
    return {name: _with_parameters(template, wanted.get(name, set())) for name, template in templates.items()}


def _asked_for(template: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Template and output parameter of every task of a graph whose value is asked for in it."""
    dag = template.get("dag")
    tasks = dag.get("tasks") if isinstance(dag, Mapping) else None
    if not isinstance(tasks, list):
        return set()
    used = {str(task.get("name")): str(task.get("template")) for task in tasks if isinstance(task, Mapping)}
    found = set()
    for tag in tag_names(json.dumps([dag, template.get("outputs")], ensure_ascii=False)):
        task, mark, key = tag.removeprefix("tasks.").partition(".outputs.parameters.")
        if tag.startswith("tasks.") and mark and task in used:
            found.add((used[task], key))
    return found


def _with_parameters(template: Mapping[str, Any], wanted: set[str]) -> Mapping[str, Any]:
    outputs = template.get("outputs")
    if not wanted or "container" not in template or not isinstance(outputs, Mapping):
        return template
    parameters = list(outputs.get("parameters") or ())
    known = {item.get("name") for item in parameters if isinstance(item, Mapping)}
    files = [item for item in outputs.get("artifacts") or () if isinstance(item, Mapping) and item.get("path")]
    lost = [{"name": item["name"], "valueFrom": {"path": item["path"]}} for item in files if item.get("name") in wanted - known]
    return {**template, "outputs": {**outputs, "parameters": [*parameters, *lost]}} if lost else template
