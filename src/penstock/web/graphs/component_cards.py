"""Components of a definition as readers know them: what they say of themselves, inputs with types and defaults, outputs, source."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from penstock.domain.expr import UNSET
from penstock.domain.plan import ArtifactSpec, ContainerWork, LeafTemplate, ParameterSpec, RunPlan
from penstock.web.texts.formats import kind_word, type_word


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a component."""

    name: str
    type: str
    default: str = ""
    """As JSON; empty: it has none."""
    is_required: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class ComponentCard:
    """A component of a definition."""

    name: str
    image: str
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    source: str
    """Python source, for lightweight components."""
    command: str
    """Command line, one word per line."""
    about: str = ""
    """What its source says of it; empty: nothing."""


def components_of(plan: RunPlan) -> list[ComponentCard]:
    """Return the leaf components of a plan, by name."""
    leaves = [template for template in plan.templates.values() if isinstance(template, LeafTemplate)]
    return sorted((card_of(leaf) for leaf in leaves), key=lambda card: card.name)


def card_of(leaf: LeafTemplate) -> ComponentCard:
    """Return what there is to know of one component."""
    work = leaf.work if isinstance(leaf.work, ContainerWork) else None
    command = [str(part) for part in (*work.command, *work.args)] if work else []
    source = component_source(command)
    return ComponentCard(
        leaf.name,
        work.image if work else "",
        [*_values(leaf, leaf.parameters, is_input=True), *_artifacts(leaf.artifacts, is_input=True)],
        [*_values(leaf, leaf.output_parameters), *_artifacts(leaf.output_artifacts)],
        source,
        "\n".join(command),
        about_of(source),
    )


def words_of(leaf: LeafTemplate) -> str:
    """Return a component in a few lines of plain text: what it says of itself, then a line for each input and output."""
    card = card_of(leaf)
    inputs = [f"{port.name}: {port.type}{f' = {port.default}' if port.default else ''}" for port in card.inputs]
    outputs = [f"→ {port.name}: {port.type}" for port in card.outputs]
    return "\n".join(filter(None, [card.about, *inputs, *outputs]))


def about_of(source: str) -> str:
    """Return the docstring of the first function in a source; empty when there is none or the source is not read."""
    try:
        functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    except (SyntaxError, ValueError, RecursionError):
        return ""
    return inspect.cleandoc(ast.get_docstring(functions[0]) or "") if functions else ""


def _values(leaf: LeafTemplate, specs: Mapping[str, ParameterSpec], *, is_input: bool = False) -> Iterator[Port]:
    known = leaf.extra.get("value_types", {})
    for name, spec in specs.items():
        default = "" if spec.default is UNSET else json.dumps(spec.default, ensure_ascii=False)
        is_required = is_input and spec.default is UNSET and not spec.is_optional
        yield Port(name, known.get(name, kind_word(spec.type)), default, is_required, spec.description)


def _artifacts(specs: Mapping[str, ArtifactSpec], *, is_input: bool = False) -> Iterator[Port]:
    for name, spec in specs.items():
        yield Port(name, type_word(spec.type.schema_title), "", is_input and not spec.is_optional, spec.description)


def component_source(command: Sequence[str]) -> str:
    """Python source that a lightweight component carries in its command; empty when there is none."""
    for part in command:
        if re.search(r"^\s*def \w+\(", part, re.MULTILINE) and "import" in part:
            return re.sub(
                r"\A\s*(import kfp\n|from kfp import dsl\n|from kfp\.dsl import \*\n|from typing import \*\n)+\s*", "", part
            ).strip()
    return ""
