"""Declared inputs and outputs of a component: parameters and artifacts with their types."""

from __future__ import annotations

from penstock.domain.artifacts import ArtifactType
from penstock.domain.expr import UNSET
from penstock.domain.plan import ArtifactSpec, ParameterSpec, ParameterType
from penstock.spec.kfp.section import Section

INPUTS = "inputDefinitions"
OUTPUTS = "outputDefinitions"
_OLD_TYPES = {
    "INT": ParameterType.NUMBER_INTEGER,
    "DOUBLE": ParameterType.NUMBER_DOUBLE,
    "": ParameterType.ANY,
    "PARAMETER_TYPE_ENUM_UNSPECIFIED": ParameterType.ANY,
}


def read_parameters(component: Section, side: str) -> dict[str, ParameterSpec]:
    """Return the parameters declared under `side` (`INPUTS` or `OUTPUTS`).

    Raises:
        SpecError: an unknown parameter type or a malformed definition.

    Semantics: a parameter with a default is optional, whether or not `isOptional` says so (SDK 2.0 leaves it out).
    """
    result: dict[str, ParameterSpec] = {}
    for name, definition in component.section(side).sections("parameters"):
        default = definition.data["defaultValue"] if "defaultValue" in definition else UNSET
        result[name] = ParameterSpec(
            name=name,
            type=_parameter_type(definition),
            default=UNSET if default is None else default,
            is_optional=definition.flag("isOptional") or default is not UNSET,
            description=definition.text("description"),
            literals=tuple(definition.sequence("literals")),
        )
    return result


def _parameter_type(definition: Section) -> ParameterType:
    word = definition.text("parameterType") or definition.text("type")
    if word in _OLD_TYPES:
        return _OLD_TYPES[word]
    try:
        return ParameterType(word)
    except ValueError:
        raise definition.error(f"unknown parameter type {word!r}", "parameterType") from None


def read_artifacts(component: Section, side: str) -> dict[str, ArtifactSpec]:
    """Return the artifacts declared under `side`.

    Raises:
        SpecError: a malformed definition.
    """
    return {
        name: ArtifactSpec(
            name=name,
            type=read_artifact_type(definition.section("artifactType")),
            is_list=definition.flag("isArtifactList"),
            is_optional=definition.flag("isOptional"),
            description=definition.text("description"),
        )
        for name, definition in component.section(side).sections("artifacts")
    }


def read_artifact_type(schema: Section) -> ArtifactType:
    """Return the type named by a schema; `instanceSchema` (YAML text) gives its title line.

    Raises:
        SpecError: a malformed schema.
    """
    title = schema.text("schemaTitle")
    instance = schema.text("instanceSchema")
    if not title and instance:
        lines = (line.strip() for line in instance.splitlines())
        title = next((line.removeprefix("title:").strip() for line in lines if line.startswith("title:")), "")
        name = title.removeprefix("kfp.")
        title = name if "." in name or not name else f"system.{name}"
    return ArtifactType(title or "system.Artifact", schema.text("schemaVersion") or "0.0.1")
