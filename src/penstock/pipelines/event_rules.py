"""What event triggers mean: which are valid, what they match, when they must not fire. Pure.

Rings. A run that an event started remembers the triggers that led to it. A trigger fires for something that such a run did only while
it stands in that chain less than `ring_limit` times, so that two triggers that start each other's pipelines come to an end. What a run
causes unseen (it writes a watched file, it posts to a webhook) has no chain; there `max_per_hour` is the limit.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.states import FINAL_STATES
from penstock.domain.triggers import EventKind, EventTrigger

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
MAX_RING = 100
MAX_PER_HOUR = 3600
_COLLECTION = re.compile(r"[^/]+/[^/]+/[^/]+")
_PROJECT = re.compile(r"[^/]+/[^/]+")


def check_event(trigger: EventTrigger) -> None:
    """Require what the kind needs.

    Raises:
        InvalidArgumentError: names the field.
    """
    if not 1 <= trigger.ring_limit <= MAX_RING:
        raise InvalidArgumentError(f"trigger: ring_limit has to be 1 to {MAX_RING}, not {trigger.ring_limit}")
    if not 1 <= trigger.max_per_hour <= MAX_PER_HOUR:
        raise InvalidArgumentError(f"trigger: max_per_hour has to be 1 to {MAX_PER_HOUR}, not {trigger.max_per_hour}")
    if trigger.project and not _PROJECT.fullmatch(trigger.project):
        raise InvalidArgumentError(f"trigger: project {trigger.project!r} is not of the form entity/project")
    _CHECKS[trigger.kind](trigger)


def _check_run(trigger: EventTrigger) -> None:
    known = {state.value for state in FINAL_STATES}
    if not trigger.states or not set(trigger.states) <= known:
        raise InvalidArgumentError(f"trigger: states have to be some of {', '.join(sorted(known))}")


def _check_artifact(trigger: EventTrigger) -> None:
    if not _COLLECTION.fullmatch(trigger.collection):
        raise InvalidArgumentError(f"trigger: collection {trigger.collection!r} is not of the form entity/project/collection")


def _check_metric(trigger: EventTrigger) -> None:
    if not trigger.metric:
        raise InvalidArgumentError("trigger: the name of a metric is needed")
    if trigger.comparison not in COMPARISONS:
        raise InvalidArgumentError(f"trigger: comparison has to be one of {' '.join(COMPARISONS)}")


def _check_webhook(trigger: EventTrigger) -> None:
    if not trigger.token_digest:
        raise InvalidArgumentError("trigger: a webhook needs a token")


def _check_file(trigger: EventTrigger) -> None:
    if not trigger.path.startswith("/"):
        raise InvalidArgumentError(f"trigger: path {trigger.path!r} is not absolute")


_CHECKS: Mapping[EventKind, Callable[[EventTrigger], None]] = {
    EventKind.RUN_FINISHED: _check_run,
    EventKind.ARTIFACT: _check_artifact,
    EventKind.METRIC: _check_metric,
    EventKind.WEBHOOK: _check_webhook,
    EventKind.FILE: _check_file,
}


def mismatch(trigger: EventTrigger, facts: Mapping[str, Any]) -> str:
    """Return why the trigger does not wait for this, a sentence; empty when it does."""
    return _MISMATCHES[trigger.kind](trigger, facts)


def _origin_mismatch(trigger: EventTrigger, facts: Mapping[str, Any]) -> str:
    project = facts.get("project", "")
    if trigger.project != project and (trigger.project or trigger.pipeline or trigger.kind is EventKind.RUN_FINISHED):
        return f"it is a run of {project or 'a pipeline'}" + (f", not of {trigger.project}" if trigger.project else "")
    if trigger.pipeline and facts.get("pipeline") != trigger.pipeline:
        return f"it is a run of {facts.get('pipeline') or 'something else'}, not of {trigger.pipeline}"
    return ""


def _run_mismatch(trigger: EventTrigger, facts: Mapping[str, Any]) -> str:
    if origin := _origin_mismatch(trigger, facts):
        return origin
    return "" if facts.get("state") in trigger.states else f"it ended {facts.get('state')}, not {' or '.join(trigger.states)}"


def _artifact_mismatch(trigger: EventTrigger, facts: Mapping[str, Any]) -> str:
    if facts.get("collection") != trigger.collection:
        return f"it is in {facts.get('collection')}, not in {trigger.collection}"
    if facts.get("alias", "") != trigger.alias:
        return f"the alias is {facts['alias']}" if facts.get("alias") else "no alias moved"
    return ""


def _metric_mismatch(trigger: EventTrigger, facts: Mapping[str, Any]) -> str:
    if origin := _origin_mismatch(trigger, facts):
        return origin
    metrics = facts.get("metrics") or {}
    value = metrics.get(trigger.metric)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return f"it has no number {trigger.metric}"
    if not COMPARISONS[trigger.comparison](value, trigger.threshold):
        return f"{trigger.metric} is {value:g}, not {trigger.comparison} {trigger.threshold:g}"
    return ""


def _matches_all(_trigger: EventTrigger, _facts: Mapping[str, Any]) -> str:
    return ""


_MISMATCHES: Mapping[EventKind, Callable[[EventTrigger, Mapping[str, Any]], str]] = {
    EventKind.RUN_FINISHED: _run_mismatch,
    EventKind.ARTIFACT: _artifact_mismatch,
    EventKind.METRIC: _metric_mismatch,
    EventKind.WEBHOOK: _matches_all,
    EventKind.FILE: _matches_all,
}


def refusal(trigger: EventTrigger, recurring_run_id: str, *, chain: Sequence[str], fired_in_hour: int) -> str:
    """Return why the trigger must not fire although it matches, a sentence; empty when it may."""
    if chain.count(recurring_run_id) >= trigger.ring_limit:
        times = "once" if trigger.ring_limit == 1 else f"{trigger.ring_limit} times"
        return f"a run that this trigger started led to it; it may stand {times} in a chain"
    if fired_in_hour >= trigger.max_per_hour:
        return f"it fired {fired_in_hour} times within an hour, its limit"
    return ""


def describe_event(trigger: EventTrigger) -> str:
    """Return what it waits for in words, for example `when a run of train succeeded`."""
    return _describe(trigger) + (", together with others" if trigger.together else "")


def _describe(trigger: EventTrigger) -> str:
    whose = f"of {trigger.project or trigger.pipeline}" if trigger.project or trigger.pipeline else "of anything"
    match trigger.kind:
        case EventKind.RUN_FINISHED:
            return f"when a run {whose} ended {' or '.join(state.lower() for state in trigger.states)}"
        case EventKind.ARTIFACT if trigger.alias:
            return f"when {trigger.alias} of {trigger.collection} moves"
        case EventKind.ARTIFACT:
            return f"when {trigger.collection} gets a version"
        case EventKind.METRIC:
            return f"when {trigger.metric} {trigger.comparison} {trigger.threshold:g} in a run {whose}"
        case EventKind.WEBHOOK:
            return f"when event {trigger.name} is published" if trigger.name else "when its webhook is called"
        case EventKind.FILE:
            return f"when {trigger.path} changes"


def trigger_facts(trigger: EventTrigger, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts with what only the trigger knows: the value of its metric."""
    if trigger.kind is not EventKind.METRIC:
        return dict(facts)
    rest = {name: value for name, value in facts.items() if name != "metrics"}
    return rest | {"metric": trigger.metric, "value": (facts.get("metrics") or {}).get(trigger.metric)}
