"""What parameters may ask of an event (`[[Event.version]]`), and whether an event says it. Pure.

A fact that no event of the kind has is refused when the trigger is set up. What only shows when something happened (fields of a delivery,
the metrics of a tracked run) is looked for then: without it nothing starts, since an empty text would pass for a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.triggers import EventKind, EventTrigger
from penstock.pipelines.macros import asked_facts, fact_at

_OF_RUNS = ("run_id", "name", "state", "finished_at", "kind")
_OF_PIPELINES = ("pipeline", "experiment_id")
_OF_PROJECTS = ("project",)
_MEASURED = ("metric", "value")
_OF_VERSIONS = ("name", "version", "alias", "digest", "size_bytes", "collection", "type", "kind")
_OF_FILES = ("path", "is_there", "kind")
_OPEN = ("payload", "metrics")
"""Facts that hold others, whose names nobody knows before."""
_MOST_TOLD, _LONGEST_NAME = 12, 60


def known_facts(trigger: EventTrigger) -> Sequence[str]:
    """Return what events of the trigger may say, by name; of a webhook what a delivery always says."""
    match trigger.kind:
        case EventKind.RUN_FINISHED:
            return _OF_RUNS + ((*_OF_PROJECTS, "metrics") if trigger.project else _OF_PIPELINES)
        case EventKind.METRIC:
            whose = _OF_PROJECTS if trigger.project else _OF_PIPELINES if trigger.pipeline else _OF_PIPELINES + _OF_PROJECTS
            return _MEASURED + _OF_RUNS + whose
        case EventKind.ARTIFACT:
            return _OF_VERSIONS
        case EventKind.WEBHOOK:
            return ("payload",)
        case EventKind.FILE:
            return _OF_FILES


def check_facts(trigger: EventTrigger | None, parameters: Mapping[str, Any]) -> None:
    """Require that every event of the trigger may say what the parameters ask; None: a schedule, which has no event.

    Raises:
        InvalidArgumentError: names the parameter, what it asks, and what may be asked.
    """
    for asked in asked_facts(parameters):
        if trigger is None:
            macro = f"[[Event.{asked.path}]]"
            raise InvalidArgumentError(f"parameter {asked.parameter}: a schedule has no event, so {macro} stands for nothing")
        known = known_facts(trigger)
        head, _, rest = asked.path.partition(".")
        if trigger.kind is EventKind.WEBHOOK or not head or (head in known and (not rest or head in _OPEN)):
            continue
        raise InvalidArgumentError(
            f"parameter {asked.parameter}: an event of the kind {trigger.kind.value} has no {asked.path}; it has {', '.join(known)}"
        )


def lack(parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return what an event does not say although a parameter asks for it, a sentence; empty when nothing is missing."""
    for asked in asked_facts(parameters):
        if not asked.is_optional and fact_at(facts, asked.path) is None:
            return f"the event has no {asked.path}, which parameter {asked.parameter} asks for; it has {_told(facts)}"
    return ""


def _told(facts: Mapping[str, Any]) -> str:
    """Names of what an event says; the fields of a delivery below `payload`, where they are found by that name alone too."""
    payload = facts.get("payload")
    inner = {f"payload.{name}": value for name, value in payload.items()} if isinstance(payload, Mapping) else {}
    outer = {name: value for name, value in facts.items() if not (inner and (name == "payload" or f"payload.{name}" in inner))}
    names = [name[:_LONGEST_NAME] for name, value in (inner | outer).items() if value is not None]
    return ", ".join(names[:_MOST_TOLD]) + (", …" if len(names) > _MOST_TOLD else "")
