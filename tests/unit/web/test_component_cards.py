"""What a reader is told of a component."""

from __future__ import annotations

from penstock.domain.expr import UNSET
from penstock.domain.plan import ArtifactSpec, ArtifactType, ContainerWork, LeafTemplate, ParameterSpec, ParameterType
from penstock.web.graphs.component_cards import about_of, card_of, words_of

SOURCE = 'import kfp\nfrom kfp import dsl\nfrom kfp.dsl import *\nfrom typing import *\n\ndef train(rows: int, lr: float = 0.1):\n    """Trains.\n\n    Slowly.\n    """\n'


def leaf(source: str) -> LeafTemplate:
    return LeafTemplate(
        "comp-train",
        ContainerWork("python:3.11", ("sh", "-c", source)),
        parameters={
            "rows": ParameterSpec("rows", ParameterType.NUMBER_INTEGER, UNSET, description="How many."),
            "lr": ParameterSpec("lr", ParameterType.NUMBER_DOUBLE, 0.1),
        },
        artifacts={"data": ArtifactSpec("data", ArtifactType("system.Dataset"))},
        output_artifacts={"model": ArtifactSpec("model", ArtifactType("system.Model"))},
    )


def test_a_card_has_the_words_of_the_function_and_its_inputs_with_types_and_defaults() -> None:
    card = card_of(leaf(SOURCE))
    assert card.about == "Trains.\n\nSlowly."
    assert [(one.name, one.default, one.is_required, one.description) for one in card.inputs] == [
        ("rows", "", True, "How many."),
        ("lr", "0.1", False, ""),
        ("data", "", True, ""),
    ]
    assert [(one.name, one.type, one.is_required) for one in card.outputs] == [("model", "Model", False)]


def test_a_tip_says_it_in_lines() -> None:
    assert words_of(leaf(SOURCE)).splitlines() == [
        "Trains.", "", "Slowly.", "rows: int", "lr: float = 0.1", "data: Dataset", "→ model: Model",
    ]  # fmt: skip


def test_source_that_is_not_python_says_nothing() -> None:
    assert about_of("def broken(:") == ""
    assert about_of("print('no function')") == ""
    assert card_of(leaf("echo hello")).about == ""
