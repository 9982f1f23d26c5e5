"""Parameters of a run as fields of a form and as YAML, and what of either is no parameter."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from starlette.datastructures import FormData

from penstock.domain.errors import InvalidArgumentError, SpecError
from penstock.domain.expr import UNSET
from penstock.domain.plan import ParameterSpec
from penstock.spec.values import whole_numbers
from penstock.spec.yaml_text import load_documents


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter as a form field."""

    name: str
    type: str
    """KFP type word."""
    widget: str
    """`number`, `text`, `boolean`, `choice` or `json`."""
    value: str
    """What the field is filled with, as text."""
    is_required: bool
    description: str
    choices: Sequence[str] = ()
    is_changed: bool = False
    """Differs from the definition's default (clones show it)."""
    default: str = ""
    """What the definition takes when nothing is given, as text."""
    is_empty_text: bool = False
    """A field that is left empty means an empty text here, and not that nothing is given."""


def fields_of(specs: Mapping[str, ParameterSpec], given: Mapping[str, Any]) -> list[Field]:
    """Form fields for declared parameters, filled with what was given or the defaults."""
    return [_field(name, spec, given) for name, spec in specs.items()]


def _field(name: str, spec: ParameterSpec, given: Mapping[str, Any]) -> Field:
    kind = str(spec.type)
    widget = {"NUMBER_DOUBLE": "number", "NUMBER_INTEGER": "number", "BOOLEAN": "boolean", "LIST": "json", "STRUCT": "json"}.get(
        kind, "text"
    )
    if spec.literals:
        widget = "choice"
    default = None if spec.default is UNSET else spec.default
    value = given.get(name, default)
    is_required = spec.default is UNSET and not spec.is_optional
    choices = [_text(choice) for choice in spec.literals]
    if _text(value) not in choices and not (is_required and value is None):
        choices.insert(0, _text(value))
    return Field(
        name,
        kind,
        widget,
        _text(value),
        is_required=is_required,
        description=spec.description,
        choices=choices if spec.literals else (),
        is_changed=name in given and spec.default is not UNSET and given[name] != default,
        default=_text(default),
        is_empty_text=widget == "text" and (_text(default) != "" or given.get(name) == ""),
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(whole_numbers(value) if isinstance(value, Mapping | Sequence) else value, ensure_ascii=False)


def value_of(text: str, kind: str, name: str) -> Any:
    """Read a field's text as a value of the parameter's type.

    Raises:
        InvalidArgumentError: it does not read as one; names the parameter.
    """
    try:
        match kind:
            case "NUMBER_INTEGER":
                return _whole(text)
            case "NUMBER_DOUBLE":
                return _finite(text)
            case "BOOLEAN":
                return _BOOLEANS[text.strip().lower()]
            case "LIST" | "STRUCT":
                value = json.loads(text, parse_constant=_finite)
                if not isinstance(value, list if kind == "LIST" else dict):
                    raise ValueError(name)  # noqa: TRY004 - turned into the caller's error below
                return value
            case _:
                return text
    except (ValueError, KeyError) as error:
        raise InvalidArgumentError(f"{name} has to be {_WANTED[kind]}; {text[:80]!r} is not.") from error


_BOOLEANS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
_WANTED = {
    "LIST": "a JSON list",
    "STRUCT": "a JSON object",
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
}


def _whole(text: str) -> int:
    """Read a whole number, in the ways that a browser's field of numbers takes one: `7`, `7.0`, `7e2`."""
    try:
        return int(text)
    except ValueError:
        number = _finite(text)
        if not number.is_integer():
            raise
        return int(number)


def _finite(text: str) -> float:
    """Read a number; JSON, and so a run, has neither infinite ones nor what is none."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def parameters_of(form: FormData) -> dict[str, Any]:
    """Read the parameters from the form: the YAML text if that tab was open, else one field each. Empty fields are left out, but
    for texts that would be the definition's default then: there nothing written is an empty text.

    Raises:
        InvalidArgumentError: a value does not fit its type, or the YAML is not a mapping.
    """
    if form.get("mode") == "yaml":
        return _read_yaml(str(form.get("yaml", "")))
    values: dict[str, Any] = {}
    for key in form:
        if key.startswith("parameter:"):
            name = key.partition(":")[2]
            text, kind = str(form[key]), str(form.get(f"type:{name}", "STRING"))
            if text != "" or (kind == "STRING" and f"default:{name}" in form):
                values[name] = value_of(text, kind, name)
    return values


def _read_yaml(text: str) -> dict[str, Any]:
    try:
        documents = load_documents(text, place="")
    except SpecError as error:
        raise InvalidArgumentError(f"The parameters are not valid YAML: {str(error).removeprefix('not YAML: ')}") from error
    loaded = documents[0] if documents and documents[0] is not None else {}
    if not isinstance(loaded, dict) or len(documents) > 1:
        raise InvalidArgumentError("The parameters have to be a mapping of names to values.")
    for name, value in loaded.items():
        try:
            json.dumps(value, allow_nan=False)
        except ValueError as error:
            raise InvalidArgumentError(f"{name} holds a number that is infinite or none, which parameters cannot be.") from error
    return loaded


def converted(form: FormData) -> dict[str, Any]:
    """Return what the tab that is being left holds, for the other one: `yaml` text, or `fields` by name (empty: not given).

    Raises:
        InvalidArgumentError: it cannot be read, names an unknown parameter, or a value does not fit its type.
    """
    kinds = {key.partition(":")[2]: str(form[key]) for key in form if key.startswith("type:")}
    values = parameters_of(form)
    if unknown := [name for name in values if name not in kinds]:
        raise InvalidArgumentError(f"This pipeline has no parameter {unknown[0]}.")
    for name, value in values.items():
        if value is not None:
            value_of(_text(value), kinds[name], name)
    if form.get("mode") == "yaml":
        missing = {name: str(form.get(f"default:{name}", "")) for name in kinds if values.get(name) is None}
        return {"fields": {name: missing.get(name, _text(values.get(name))) for name in kinds}}
    return {"yaml": yaml_of(values) if values else ""}


def yaml_of(values: Mapping[str, Any]) -> str:
    """Write parameters as YAML; whole numbers in lists and structs stand without the `.0` that definitions give them."""
    plain = {name: whole_numbers(value) if isinstance(value, list | Mapping) else value for name, value in values.items()}
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
