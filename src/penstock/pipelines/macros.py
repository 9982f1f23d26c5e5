"""Macros in run parameters: times, index, run id and facts of an event (`[[Event.version]]`), filled in when a run is created. Pure.

Semantics: kfp protocol notes, section 8 (`[[ScheduledTime]]`, Go layouts, `{{$.scheduledTime.strftime('...')}}`). Only strings are
looked at, at any depth of lists and objects; a macro that does not apply (the index of a one-off run) stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import RunId

_DEFAULT_FORMAT = "%Y%m%d%H%M%S"
_BRACKETS = re.compile(r"\[\[(ScheduledTime|CurrentTime|Index|RunUUID|Event\??)(?:\.([^\]]*))?\]\]")
WORKFLOW_UID = "{{workflow.uid}}"
_OPTIONAL = re.compile(r"\[\[Event\?\.([^\]]+)\]\]")
_STRFTIME = re.compile(r"\{\{\s*\$\.(scheduledTime|currentTime)\.strftime\(\s*(['\"])(.*?)\2\s*\)\s*\}\}")
_GO_LAYOUT = (
    # Longest first: Go's reference time is Mon Jan 2 15:04:05 MST 2006.
    ("January", "%B"), ("Monday", "%A"), ("-07:00", "+00:00"), ("Z07:00", "Z"), ("-0700", "+0000"), ("2006", "%Y"), ("MST", "UTC"),
    ("Jan", "%b"), ("Mon", "%a"), ("002", "%j"), ("01", "%m"), ("02", "%d"), ("03", "%I"), ("04", "%M"), ("05", "%S"), ("06", "%y"),
    ("15", "%H"), ("PM", "%p"), ("_2", "\x01"), ("1", "\x02"), ("2", "\x03"), ("3", "\x04"), ("4", "\x05"), ("5", "\x06"),
)  # fmt: skip
_GO_PATTERN = re.compile("|".join(re.escape(word) for word, _ in _GO_LAYOUT))
_GO_WORDS = dict(_GO_LAYOUT)


class SampleFacts(dict[str, Any]):
    """Stands for the facts of any event while parameters are checked: each is a text that also reads as a number."""


@dataclass(frozen=True, slots=True)
class AskedFact:
    """A fact of an event that a parameter holds a macro for."""

    parameter: str
    path: str
    """Dotted; empty: all facts together."""
    is_optional: bool
    """Written as `[[Event?.fact]]`: the event may lack it."""


@dataclass(frozen=True, slots=True)
class MacroValues:
    """What macros stand for in one run."""

    run_id: RunId
    now: float
    scheduled_at: float | None = None
    """None for one-off runs."""
    index: int | None = None
    """1-based number of the firing; None for one-off runs."""
    event: Mapping[str, Any] | None = None
    """What the event that started the run says; None for others."""
    is_workflow: bool = False
    """Whether `{{workflow.uid}}` stands for the run too, as everywhere in a manifest of kfp 1.8."""


def expand_parameters(parameters: Mapping[str, Any], values: MacroValues) -> dict[str, Any]:
    """Return the parameters with macros replaced in every string.

    A parameter that is `[[Event?.fact]]` as a whole is left out, so that its default holds, when the event does not say that; within a
    longer text the macro is then empty.

    Raises:
        InvalidArgumentError: the event lacks what `[[Event.fact]]` asks for.
    """
    found = {}
    for name, value in parameters.items():
        optional = _OPTIONAL.fullmatch(value) if isinstance(value, str) else None
        if optional is None:
            found[name] = _expand(value, values)
        elif values.event is not None and (fact := _fact(values.event, optional.group(1))):
            found[name] = fact
    return found


def asked_facts(parameters: Mapping[str, Any]) -> list[AskedFact]:
    """Return every fact of an event that the parameters hold a macro for, in order."""
    return [
        AskedFact(name, match.group(2) or "", match.group(1) == "Event?")
        for name, value in parameters.items()
        for text in _texts(value)
        for match in _BRACKETS.finditer(text)
        if match.group(1).startswith("Event")
    ]


def fact_at(facts: Mapping[str, Any], path: str) -> Any:
    """Return the fact at a dotted path, None when there is none; a name may hold dots itself, as names of metrics do."""
    value: Any = facts
    names = [name for name in path.split(".") if name]
    for place, name in enumerate(names):
        if not isinstance(value, Mapping):
            return None
        if (rest := ".".join(names[place:])) in value:
            return value[rest]
        value = value.get(name)
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | Mapping):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def _expand(value: Any, values: MacroValues) -> Any:
    if isinstance(value, str):
        if "[[" not in value and "{{" not in value:
            return value
        value = value.replace(WORKFLOW_UID, values.run_id) if values.is_workflow else value
        return _STRFTIME.sub(lambda match: _strftime(match, values), _BRACKETS.sub(lambda match: _bracket(match, values), value))
    if isinstance(value, list):
        return [_expand(item, values) for item in value]
    if isinstance(value, Mapping):
        return {key: _expand(item, values) for key, item in value.items()}
    return value


def _bracket(match: re.Match[str], values: MacroValues) -> str:
    word, layout = match.group(1), match.group(2)
    if word == "RunUUID":
        return values.run_id
    if word == "Index":
        return match.group(0) if values.index is None else str(values.index)
    if word in {"Event", "Event?"}:
        return match.group(0) if values.event is None else _told(values.event, layout or "", is_optional=word == "Event?")
    at = values.now if word == "CurrentTime" else values.scheduled_at
    if at is None:
        return match.group(0)
    moment = datetime.fromtimestamp(at, UTC)
    return format_go(moment, layout) if layout else moment.strftime(_DEFAULT_FORMAT)


def _told(facts: Mapping[str, Any], path: str, *, is_optional: bool) -> str:
    text = _fact(facts, path)
    if text is None and not is_optional:
        raise InvalidArgumentError(f"the event has no {path}")
    return text or ""


def _fact(facts: Mapping[str, Any], path: str) -> str | None:
    """Return the fact at a dotted path as text; values that are no text as JSON, None for a missing one."""
    if isinstance(facts, SampleFacts):
        return "1"
    value = fact_at(facts, path)
    return value if value is None or isinstance(value, str) else json.dumps(value, default=dict)


def _strftime(match: re.Match[str], values: MacroValues) -> str:
    at = values.now if match.group(1) == "currentTime" else values.scheduled_at
    if at is None:
        return match.group(0)
    return datetime.fromtimestamp(at, UTC).strftime(match.group(3).replace("%s", str(int(at))))


def format_go(moment: datetime, layout: str) -> str:
    """Format `moment` by a Go reference layout such as `2006-01-02`."""
    plain = {
        "\x01": f"{moment.day:2d}",
        "\x02": str(moment.month),
        "\x03": str(moment.day),
        "\x04": str((moment.hour - 1) % 12 + 1),
        "\x05": str(moment.minute),
        "\x06": str(moment.second),
    }

    def swap(match: re.Match[str]) -> str:
        code = _GO_WORDS[match.group(0)]
        return plain[code] if code in plain else moment.strftime(code)

    return _GO_PATTERN.sub(swap, layout)
