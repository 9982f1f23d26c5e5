from __future__ import annotations

import pytest

from penstock.spec.kfp import placeholders as p


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", ("plain",)),
        ("", ()),
        ("{{$}}", (p.ExecutorInput(),)),
        ("a {{$.inputs.parameters['x y']}} b", ("a ", p.InputParameter("x y"), " b")),
        ('{{$.inputs.parameters["x"]}}', (p.InputParameter("x"),)),
        ("{{$.inputs.artifacts['a'].uri}}", (p.InputArtifact("a", "uri"),)),
        ("{{$.inputs.artifacts['a'].metadata['k']}}", (p.InputArtifact("a", "metadata", "k"),)),
        ("{{$.inputs.artifacts['a']}}", (p.InputArtifact("a"),)),
        ("{{$.outputs.artifacts['o'].path}}/x", (p.OutputArtifact("o", "path"), "/x")),
        ("{{$.outputs.parameters['v'].output_file}}", (p.OutputParameterFile("v"),)),
        ("{{$.outputs.output_file}}", (p.ExecutorOutputFile(),)),
        ("{{$.pipeline_job_uuid}}{{$.workspace_path}}", (p.RunFact("run_id"), p.RunFact("workspace"))),
        ("{{$.what}}", (p.Unknown("{{$.what}}"),)),
        ("{{item}} {{ $ }}", ("{{item}} {{ $ }}",)),
    ],
)
def test_text_is_split_into_literals_and_references(text: str, parts: tuple[p.Part, ...]) -> None:
    assert p.parse(text) == parts


def test_references_are_found_inside_structures_and_structured_elements() -> None:
    element = '{"IfPresent": {"InputName": "a", "Then": ["{{$.inputs.parameters[\'b\']}}", {"Concat": ["x", "{{$}}"]}]}}'

    found = list(p.references_in({"{{$.pipeline_root}}": [element, 1, None]}))

    assert found == [p.RunFact("pipeline_root"), p.InputParameter("b"), p.ExecutorInput()]


@pytest.mark.parametrize("text", ['{"a": 1}', '{"Concat": [1}', "Concat", '["Concat"]', '{"Concat": [], "other": 1}', "{}"])
def test_other_json_is_not_a_structured_element(text: str) -> None:
    assert p.structure_of(text) is None
