"""The Kubernetes half of a pipeline: what it binds at run time and what it says of the whole run.

Fields of an executor's configuration may be parameter inputs (`secretNameParameter`, `nodeSelectorJson`, ...). Each becomes a
hidden input of the task, named after its place, so that the engine resolves it like any other binding and the runtime half
(`runtime.kubernetes`) finds a plain value. Semantics: kfp protocol notes, sections 4.14 and 4.15; observed with kfp-kubernetes
2.17: references are to inputs and tasks of the enclosing dag.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.domain.expr import Expr, OwnInput
from penstock.spec.kfp.bindings import lower_binding
from penstock.spec.kfp.section import Section
from penstock.spec.values import text_of

HIDDEN_PREFIX = "platform."
"""Names of hidden inputs start so; no input of an SDK does."""
TEXTS_OF_ATTEMPT = f"{HIDDEN_PREFIX}placeholders"
"""Hidden input with the names of those inputs whose constants the attempt resolves."""
_LIFETIMES = ("resourceTtlOnCompletion", "resourceTtlOnSuccess", "resourceTtlOnFailure")
_REFERENCES = ("componentInputParameter", "taskOutputParameter", "runtimeValue")


def hidden_name(place: str) -> str:
    """Return the name of the hidden input that holds the parameter at `place` of the executor's configuration."""
    return HIDDEN_PREFIX + place


def lower_platform(config: Section, scope_inputs: Mapping[str, Any]) -> dict[str, Expr]:
    """Return hidden bindings for each parameter input inside an executor's configuration.

    Args:
        config: the executor's configuration.
        scope_inputs: parameters that the enclosing dag declares; other names mean the task's own inputs.

    Raises:
        SpecError: a malformed parameter input.
    """
    result: dict[str, Expr] = {}
    for place, binding in _parameters(config.data, "", config.place):
        name = binding.text("componentInputParameter")
        is_own = bool(name) and name not in scope_inputs
        result[hidden_name(place)] = OwnInput(name) if is_own else lower_binding(_reference(binding))
    return result


def producers(config: Section) -> frozenset[str]:
    """Return the keys of sibling tasks whose outputs the configuration refers to."""
    found = (binding.section("taskOutputParameter") for _, binding in _parameters(config.data, "", config.place))
    return frozenset(selector.text("producerTask") for selector in found if "producerTask" in selector)


def deadline_seconds(config: Section) -> float | None:
    """Return `activeDeadlineSeconds` when set above zero.

    Raises:
        SpecError: it is not a number.
    """
    seconds = config.number("activeDeadlineSeconds")
    return seconds if seconds > 0 else None


def pipeline_warnings(config: Section) -> list[str]:
    """Return a sentence for each setting of the whole pipeline that one machine does not honour, for its root task."""
    warnings = []
    workspace = config.section("workspace")
    volume = workspace.section("kubernetes").section("pvcSpecPatch").data
    wishes = [f"size {workspace.data['size']}"] if workspace.data.get("size") else []
    wishes += [f"{key} {text_of(value)}" for key, value in volume.items()]
    if wishes:
        warnings.append(f"The workspace is a directory on this machine; its settings are not enforced: {', '.join(wishes)}.")
    lifetimes = [f"{key} {text_of(config.data[key])}" for key in _LIFETIMES if config.data.get(key)]
    if lifetimes:
        warnings.append(f"There is no workflow object to remove after the run, which is kept: {', '.join(lifetimes)}.")
    known = {"workspace", "activeDeadlineSeconds", *_LIFETIMES}
    return warnings + [f"Pipeline setting {key} is not known here and is ignored." for key in config.data if key not in known]


def _reference(binding: Section) -> Section:
    # Old `pvcMount` entries hold the reference beside their own fields.
    return Section({key: value for key, value in binding.data.items() if key in _REFERENCES}, binding.place)


def _parameters(value: Any, path: str, place: str) -> Iterator[tuple[str, Section]]:
    if isinstance(value, Mapping):
        if any(key in value for key in _REFERENCES):
            yield path, Section(value, place)
        for key, item in value.items():
            if key not in _REFERENCES:
                yield from _parameters(item, f"{path}.{key}" if path else str(key), f"{place}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _parameters(item, f"{path}[{index}]", f"{place}[{index}]")
