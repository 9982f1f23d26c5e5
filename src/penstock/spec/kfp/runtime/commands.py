"""Resolves placeholders of commands, arguments, environment values, resources and image names for one attempt.

Semantics: kfp protocol notes, section 4.11. One pass: text that replaced a placeholder is not looked at again. `IfPresent` and
`Concat` come as JSON text of one element; both are resolved, also nested, although upstream's backend leaves `Concat` alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import TaskError
from penstock.domain.execution import FailureKind, LaunchRequest
from penstock.domain.moments import utc_text
from penstock.spec.kfp import placeholders
from penstock.spec.kfp.runtime.executor_input import Prepared
from penstock.spec.values import text_of

MAX_ARGUMENT_BYTES = 131_071
"""Linux refuses a longer single argument or environment string (MAX_ARG_STRLEN less the final NUL)."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """Values of placeholders in one attempt."""

    request: LaunchRequest
    prepared: Prepared

    def text(self, value: str) -> str:
        """Return `value` with its placeholders replaced; unknown forms stay as they are.

        Raises:
            TaskError: a placeholder names an input or output that the task does not have (kind INPUT).
        """
        if "{{$" not in value:
            return value
        return "".join(part if isinstance(part, str) else self._value(part) for part in placeholders.parse(value))

    def arguments(self, elements: Sequence[Any]) -> list[str]:
        """Return the elements of a command; `IfPresent` may give none or several for one.

        Raises:
            TaskError: as `text`, or a structured element is malformed.
        """
        result: list[str] = []
        for element in elements:
            structure = placeholders.structure_of(element)
            resolved = self._structure(structure) if structure is not None else self._plain(element)
            if isinstance(resolved, list):
                result.extend(resolved)
            elif resolved is not None:
                result.append(resolved)
        return result

    def _plain(self, element: Any) -> str:
        return self.text(element) if isinstance(element, str) else text_of(element)

    def executor_input(self) -> str:
        """Return ExecutorInput as JSON text."""
        return self.prepared.text

    def _structure(self, structure: Mapping[str, Any]) -> str | list[str] | None:
        word, body = next(iter(structure.items()))
        if word in {"Concat", "concat"}:
            if not isinstance(body, list):
                raise TaskError("Concat needs a list", kind=FailureKind.INPUT)
            return "".join(self._joined(part) for part in body)
        if not isinstance(body, Mapping):
            raise TaskError("IfPresent needs an object", kind=FailureKind.INPUT)
        name = body.get("InputName", body.get("inputName", ""))
        chosen = body.get("Then", body.get("then")) if self.is_present(name) else body.get("Else", body.get("else"))
        return self._branch(chosen)

    def _branch(self, chosen: Any) -> str | list[str] | None:
        if chosen is None:
            return None
        if isinstance(chosen, list):
            return self.arguments(chosen)
        structure = placeholders.structure_of(chosen)
        return self._structure(structure) if structure is not None else self._plain(chosen)

    def _joined(self, part: Any) -> str:
        value = self._branch(part)
        return "".join(value) if isinstance(value, list) else value or ""

    def is_present(self, name: str) -> bool:
        """Whether input `name` has a value that is not null (defaults count), or at least one artifact."""
        return self.prepared.parameters.get(name) is not None or bool(self.prepared.artifacts.get(name))

    def _value(self, reference: placeholders.Reference) -> str:
        match reference:
            case placeholders.ExecutorInput():
                return self.executor_input()
            case placeholders.InputParameter(name):
                return self._parameter(name)
            case placeholders.InputArtifact(name, field, key):
                return self._artifact(self._inputs(name), field, key, is_input=True)
            case placeholders.OutputArtifact(name, field, key):
                return self._artifact(self._outputs(name), field, key, is_input=False)
            case placeholders.OutputParameterFile(name):
                return self._output_file(name)
            case placeholders.ExecutorOutputFile():
                return str(self.prepared.executor_output)
            case placeholders.RunFact(field):
                return self.fact(field)
            case placeholders.Unknown(text):
                return text

    def _parameter(self, name: str) -> str:
        if name in self.prepared.parameters:
            return text_of(self.prepared.parameters[name])
        if name in self.request.template.parameters or name in self.request.parameters:
            return ""
        raise TaskError(f"placeholder names input parameter {name!r}, which the task does not have", kind=FailureKind.INPUT)

    def _inputs(self, name: str) -> list[Mapping[str, Any]]:
        group = self.prepared.document["inputs"]["artifacts"].get(name)
        if group is None and name not in self.request.template.artifacts:
            raise TaskError(f"placeholder names input artifact {name!r}, which the task does not have", kind=FailureKind.INPUT)
        return list(group["artifacts"]) if group else []

    def _outputs(self, name: str) -> list[Mapping[str, Any]]:
        group = self.prepared.document["outputs"]["artifacts"].get(name)
        if group is None:
            raise TaskError(f"placeholder names output artifact {name!r}, which the task does not have", kind=FailureKind.INPUT)
        return list(group["artifacts"])

    def _output_file(self, name: str) -> str:
        group = self.prepared.document["outputs"]["parameters"].get(name)
        if group is None:
            raise TaskError(f"placeholder names output parameter {name!r}, which the task does not have", kind=FailureKind.INPUT)
        return str(group["outputFile"])

    def _artifact(self, artifacts: list[Mapping[str, Any]], field: str, key: str | None, *, is_input: bool) -> str:
        if not field:
            return json.dumps(artifacts, ensure_ascii=False)
        if not artifacts:
            return ""
        first = artifacts[0]
        if field == "path":
            return self._path(first["uri"])
        if field == "metadata" and key is not None:
            if key not in first["metadata"] and is_input:
                raise TaskError(f"artifact {first['name']!r} has no metadata {key!r}", kind=FailureKind.INPUT)
            return text_of(first["metadata"].get(key))
        return text_of(first[field])

    def _path(self, uri: str) -> str:
        # A URI that the task sees as a plain path already is the path.
        return uri if uri.startswith("/") else str(self.prepared.places.path_of(uri) or uri)

    def fact(self, field: str) -> str:
        """Return a fact of the run or the task by its `RunField` name."""
        run = self.request.run
        facts = {
            "run_name": run.run_name,
            "resource_name": run.resource_name,
            "run_id": run.run_id,
            "task_key": self.request.task_key,
            "task_id": self.request.key.task_id,
            "create_time": utc_text(run.created_at),
            "schedule_time": utc_text(run.scheduled_at),
            "pipeline_root": run.pipeline_root,
            "workspace": str(self.prepared.places.workspace),
        }
        return facts[field]


def check_argument_sizes(argv: Sequence[str], env: Mapping[str, str]) -> None:
    """Check that the operating system will accept every argument and environment string.

    Raises:
        TaskError: one is longer than 128 KiB or holds a NUL (kind START).
    """
    for index, argument in enumerate(argv):
        _check_string(argument.encode("utf-8", "surrogateescape"), f"argument {index} of the command", argument[:40])
    for name, value in env.items():
        _check_string(f"{name}={value}".encode("utf-8", "surrogateescape"), f"environment variable {name}", "")


def _check_string(data: bytes, what: str, excerpt: str) -> None:
    if len(data) > MAX_ARGUMENT_BYTES:
        begins = f" (it begins {excerpt!r})" if excerpt else ""
        raise TaskError(
            f"{what} is {len(data):,} bytes long{begins}; Linux accepts at most {MAX_ARGUMENT_BYTES:,}. Pass large values as an artifact.",
            kind=FailureKind.START,
        )
    if b"\0" in data:
        raise TaskError(f"{what} holds a NUL character, which no command can be given", kind=FailureKind.START)
