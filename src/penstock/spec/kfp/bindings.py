"""Task inputs of the document as expressions and artifact sources of the plan.

Constants written by the author may hold placeholders; they become `Format` expressions over the same task's other inputs, so
that they are resolved before anything is built from them, in one pass, and never in data that came from other tasks
(kfp protocol notes, section 4.3).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import SpecError
from penstock.domain.expr import Call, Const, Expr, FinalStatus, Format, OwnInput, ParseJson, RunField, ScopeInput, TaskOutput
from penstock.domain.plan import ArtifactSource
from penstock.spec.kfp import cel, placeholders
from penstock.spec.kfp.section import Section


def lower_parameters(task: Section, left: Collection[str] = ()) -> dict[str, Expr]:
    """Return the parameter bindings of a task, hidden ones included; constants of the inputs in `left` stay as they are written.

    Raises:
        SpecError: an unknown form of binding, a placeholder that names nothing, a malformed selector.
    """
    inputs = task.section("inputs").section("parameters")
    binder = _Binder(inputs)
    return {name: Const(_written(inputs.section(name))) if name in left else binder.bind(name) for name in inputs.data}


def texts_of_attempt(task: Section) -> list[str]:
    """Return the inputs whose constants ask for what only an attempt has: the whole ExecutorInput, artifacts, files of outputs.

    A text that also quotes another input is none of them: what the graph puts in is not to be looked through again.
    """
    found = []
    for name, binding in task.section("inputs").sections("parameters"):
        text = _written(binding)
        references = list(placeholders.references_in(text)) if isinstance(text, str) and placeholders.structure_of(text) is None else []
        if any(map(_is_of_attempt, references)) and not any(isinstance(item, placeholders.InputParameter) for item in references):
            found.append(name)
    return found


def lower_defaults(declared: Section, bound: Container[str]) -> dict[str, Expr]:
    """Return bindings for the parameters of a component that nobody binds and whose default quotes facts of the run or task.

    Upstream's backend hands such a default over as it is written; the SDK's local runner puts the facts in, which is what is meant.
    """
    binder = _Binder(Section({}, declared.place))
    defaults = {name: definition.data.get("defaultValue") for name, definition in declared.sections("parameters") if name not in bound}
    return {name: binder.constant(text, declared.at(name)) for name, text in defaults.items() if isinstance(text, str) and _has_facts(text)}


def lower_binding(binding: Section) -> Expr:
    """Return the expression of one parameter input outside a task's own inputs (platform fields).

    Raises:
        SpecError: an unknown form of binding, or a placeholder over task inputs.
    """
    return _Binder(Section({}, binding.place)).expression(binding)


def lower_artifacts(task: Section) -> dict[str, tuple[ArtifactSource, ...]]:
    """Return the artifact bindings of a task.

    Raises:
        SpecError: an unknown form of binding.
    """
    result: dict[str, tuple[ArtifactSource, ...]] = {}
    for name, binding in task.section("inputs").sections("artifacts"):
        if "taskOutputArtifact" in binding:
            selector = binding.section("taskOutputArtifact")
            source = ArtifactSource(task=selector.required_text("producerTask"), key=selector.required_text("outputArtifactKey"))
        elif "componentInputArtifact" in binding:
            source = ArtifactSource(scope_input=binding.required_text("componentInputArtifact"))
        else:
            raise binding.error("expected taskOutputArtifact or componentInputArtifact")
        result[name] = (source,)
    return result


@dataclass(frozen=True, slots=True)
class _Binder:
    """Lowers the inputs of one task; placeholders refer to the same inputs."""

    inputs: Section

    def bind(self, name: str) -> Expr:
        """Return the expression of input `name`."""
        return self.expression(self.inputs.section(name))

    def expression(self, binding: Section) -> Expr:
        """Return the expression of a binding, its selector applied."""
        value = self._value(binding)
        selector = binding.text("parameterExpressionSelector")
        if selector and not _is_read_already(binding.text("componentInputParameter"), selector):
            return cel.parse_selector(selector, value, place=binding.at("parameterExpressionSelector"))
        return value

    def _value(self, binding: Section) -> Expr:
        if "componentInputParameter" in binding:
            return ScopeInput(binding.required_text("componentInputParameter"))
        if "taskOutputParameter" in binding:
            selector = binding.section("taskOutputParameter")
            return TaskOutput(selector.required_text("producerTask"), selector.required_text("outputParameterKey"))
        if "taskFinalStatus" in binding:
            return FinalStatus(binding.section("taskFinalStatus").required_text("producerTask"))
        if "runtimeValue" not in binding:
            raise binding.error("expected runtimeValue, componentInputParameter, taskOutputParameter or taskFinalStatus")
        runtime = binding.section("runtimeValue")
        for word in ("constant", "constantValue"):
            if word in runtime:
                return self.constant(runtime.data[word], runtime.at(word))
        if "runtimeParameter" in runtime:
            return RunField(f"parameter:{runtime.required_text('runtimeParameter')}")
        raise runtime.error("expected constant or runtimeParameter")

    def constant(self, value: Any, place: str) -> Expr:
        """Return the expression of an author-written constant."""
        if isinstance(value, str):
            return self._text(value, place)
        if isinstance(value, Mapping | list) and any(_is_known(reference) for reference in placeholders.references_in(value)):
            return self._structure(value, place)
        return Const(value)

    def _text(self, text: str, place: str) -> Expr:
        parts = placeholders.parse(text)
        if not any(not isinstance(part, str) and _is_known(part) for part in parts):
            return Const(text)
        lowered = tuple(self._part(part, place) for part in parts)
        return lowered[0] if len(lowered) == 1 and isinstance(lowered[0], RunField) else Format(lowered)

    def _part(self, part: placeholders.Part, place: str) -> Expr:
        error = Section({}, place).error
        if isinstance(part, str):
            return Const(part)
        if isinstance(part, placeholders.RunFact):
            return RunField(part.field)
        if isinstance(part, placeholders.InputParameter):
            if part.name not in self.inputs:
                raise error(f"placeholder names input {part.name!r}, which the task does not have")
            return OwnInput(part.name)
        if isinstance(part, placeholders.Unknown):
            return Const(part.text)
        raise error("a constant may refer to parameters and to facts of the run only")

    def _structure(self, value: Any, place: str) -> Expr:
        """Return JSON text built piece by piece and parsed again.

        A string that is one placeholder takes the value with its type; in longer strings it is text.
        """
        pieces: list[Expr] = []
        self._write(value, place, pieces)
        return ParseJson(Format(tuple(pieces)))

    def _write(self, value: Any, place: str, pieces: list[Expr]) -> None:
        if isinstance(value, Mapping):
            for index, (key, item) in enumerate(value.items()):
                pieces.append(Const(f"{',' if index else '{'}"))
                self._write(str(key), place, pieces)
                pieces.append(Const(":"))
                self._write(item, place, pieces)
            pieces.append(Const("}" if value else "{}"))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                pieces.append(Const("," if index else "["))
                self._write(item, place, pieces)
            pieces.append(Const("]" if value else "[]"))
        elif isinstance(value, str):
            lowered = self._text(value, place)
            is_whole = isinstance(lowered, Format) and len(lowered.parts) == 1
            pieces.append(Call("json", (lowered.parts[0] if is_whole and isinstance(lowered, Format) else lowered,)))
        else:
            pieces.append(Const(json.dumps(value)))


def lower_items(raw: str, task: Section, place: str) -> Expr:
    """Return the list that a loop's literal items stand for.

    Raises:
        SpecError: `raw` is not a JSON list, or a placeholder in it names nothing.
    """
    try:
        items = json.loads(raw)
    except ValueError as error:
        raise SpecError(f"not JSON: {error}", place=place) from None
    if not isinstance(items, list):
        raise SpecError("the items of a loop have to be a list", place=place)
    return _Binder(task.section("inputs").section("parameters")).constant(items, place)


def _is_read_already(name: str, selector: str) -> bool:
    """Whether input `name` is a key of a loop's item and the selector asks for that key once more.

    The SDK under development compiles this for a key that is used in a condition inside the loop (2.17 compiles no such pipeline).
    """
    _, mark, key = name.rpartition("-subvar-")
    return bool(mark) and selector == f"parseJson(string_value)[{json.dumps(key)}]"


def _written(binding: Section) -> Any:
    runtime = binding.section("runtimeValue")
    return runtime.data.get("constant", runtime.data.get("constantValue"))


def _is_of_attempt(reference: placeholders.Reference) -> bool:
    return not isinstance(reference, placeholders.InputParameter | placeholders.RunFact | placeholders.Unknown)


def _has_facts(text: str) -> bool:
    references = list(placeholders.references_in(text))
    return bool(references) and all(isinstance(reference, placeholders.RunFact) for reference in references)


def _is_known(reference: placeholders.Reference | str) -> bool:
    return not isinstance(reference, str | placeholders.Unknown)
