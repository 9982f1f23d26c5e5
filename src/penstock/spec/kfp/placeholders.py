"""Placeholders `{{$...}}` of KFP text, split into literal text and references.

Forms and meaning: kfp protocol notes, sections 4.3 and 4.11. Parsing is one pass; text that a reference is replaced with is
never scanned again. Where references get their values (an expression of the plan, an attempt's inputs) is the caller's matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r"\{\{\$(.*?)\}\}", re.DOTALL)
_KEY = r"\[\s*(?:'(?P<{0}1>[^']*)'|\"(?P<{0}2>[^\"]*)\")\s*\]"
_INPUT_PARAMETER = re.compile(r"\.inputs\.parameters" + _KEY.format("n"))
_ARTIFACT = _KEY.format("n") + r"(?:\.(?P<field>uri|path|name|metadata)(?:" + _KEY.format("k") + ")?)?"
_INPUT_ARTIFACT = re.compile(r"\.inputs\.artifacts" + _ARTIFACT)
_OUTPUT_ARTIFACT = re.compile(r"\.outputs\.artifacts" + _ARTIFACT)
_OUTPUT_PARAMETER = re.compile(r"\.outputs\.parameters" + _KEY.format("n") + r"\.output_file")

RUN_FIELDS: Mapping[str, str] = {
    "pipeline_job_name": "run_name",
    "pipeline_job_resource_name": "resource_name",
    "pipeline_job_uuid": "run_id",
    "pipeline_task_name": "task_key",
    "pipeline_task_uuid": "task_id",
    "pipeline_job_create_time_utc": "create_time",
    "pipeline_job_schedule_time_utc": "schedule_time",
    "pipeline_root": "pipeline_root",
    "workspace_path": "workspace",
}
"""Placeholder word to the name of the `RunField` that holds its value."""


@dataclass(frozen=True, slots=True)
class InputParameter:
    """Text of an input parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class InputArtifact:
    """Something about an input artifact."""

    name: str
    field: str = ""
    """`uri`, `path`, `name`, `metadata`; empty: JSON list of all artifacts under the name."""
    key: str | None = None
    """One metadata key."""


@dataclass(frozen=True, slots=True)
class OutputArtifact:
    """Something about an output artifact."""

    name: str
    field: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class OutputParameterFile:
    """Path of the file to write an output parameter to."""

    name: str


@dataclass(frozen=True, slots=True)
class ExecutorInput:
    """`{{$}}`: the whole ExecutorInput as JSON."""


@dataclass(frozen=True, slots=True)
class ExecutorOutputFile:
    """`{{$.outputs.output_file}}`."""


@dataclass(frozen=True, slots=True)
class RunFact:
    """A fact of the run or the task; `field` is a `RunField` name."""

    field: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Text in placeholder brackets that has no known form."""

    text: str


Reference = InputParameter | InputArtifact | OutputArtifact | OutputParameterFile | ExecutorInput | ExecutorOutputFile | RunFact | Unknown
Part = str | Reference


def parse(text: str) -> tuple[Part, ...]:
    """Split `text`; adjacent literals are joined and empty ones left out."""
    if "{{$" not in text:
        return (text,) if text else ()
    parts: list[Part] = []
    end = 0
    for match in _TOKEN.finditer(text):
        if match.start() > end:
            parts.append(text[end : match.start()])
        parts.append(_reference(match.group(1), match.group(0)))
        end = match.end()
    if end < len(text):
        parts.append(text[end:])
    return tuple(parts)


def _reference(body: str, whole: str) -> Reference:
    if body == "":
        return ExecutorInput()
    if match := _INPUT_PARAMETER.fullmatch(body):
        return InputParameter(_key(match, "n") or "")
    if match := _INPUT_ARTIFACT.fullmatch(body):
        return InputArtifact(_key(match, "n") or "", match.group("field") or "", _key(match, "k"))
    if match := _OUTPUT_ARTIFACT.fullmatch(body):
        return OutputArtifact(_key(match, "n") or "", match.group("field") or "", _key(match, "k"))
    if match := _OUTPUT_PARAMETER.fullmatch(body):
        return OutputParameterFile(_key(match, "n") or "")
    if body == ".outputs.output_file":
        return ExecutorOutputFile()
    field = RUN_FIELDS.get(body[1:])
    return RunFact(field) if field and body.startswith(".") else Unknown(whole)


def _key(match: re.Match[str], group: str) -> str | None:
    single, double = match.group(f"{group}1"), match.group(f"{group}2")
    return single if single is not None else double


def references_in(value: Any) -> Iterator[Reference]:
    """Yield every reference in the strings (and keys) of a JSON value, including JSON text of `IfPresent` and `Concat`."""
    if isinstance(value, str):
        structure = structure_of(value)
        if structure is not None:
            yield from references_in(structure)
            return
        for part in parse(value):
            if not isinstance(part, str):
                yield part
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from references_in(key)
            yield from references_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references_in(item)


def structure_of(element: Any) -> Mapping[str, Any] | None:
    """Return the object of an `IfPresent` or `Concat` element, given as JSON text or as an object; else None."""
    if isinstance(element, Mapping):
        return element if _is_structure(element) else None
    if not isinstance(element, str) or not element.startswith(("{", " ", "\n", "\t")) or not element.lstrip().startswith("{"):
        return None
    if "IfPresent" not in element and "Concat" not in element and "ifPresent" not in element and "concat" not in element:
        return None
    try:
        value = json.loads(element)
    except ValueError:
        return None
    return value if isinstance(value, Mapping) and _is_structure(value) else None


def _is_structure(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in {"IfPresent", "ifPresent", "Concat", "concat"}
