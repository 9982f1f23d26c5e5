from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import SpecError
from penstock.spec.kfp.document import read_document
from tests.unit.spec.kfp.ir import pipeline, task


def test_a_bare_spec_and_a_pair_are_read_alike() -> None:
    spec = pipeline({"t": task()})
    platform = {"platforms": {"kubernetes": {"pipelineConfig": {"workspace": {"size": "1Gi"}}}}}

    bare = read_document(spec)
    pair = read_document({"pipeline_spec": spec, "platform_spec": platform})

    assert bare.pipeline.data == pair.pipeline.data
    assert bare.platform.data == {}
    assert pair.platform.section("pipelineConfig").section("workspace").text("size") == "1Gi"


def test_snake_case_top_level_keys_are_accepted() -> None:
    spec = pipeline({"t": task()})
    snake = {"pipeline_info": spec["pipelineInfo"], "schema_version": "2.1.0", "deployment_spec": spec["deploymentSpec"]}

    document = read_document({**snake, "components": spec["components"], "root": spec["root"], "sdk_version": "kfp-2.17.0"})

    assert document.name == "test-pipeline"


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"components_1": {}}, "components_1", "unknown key"),
        ({"schemaVersion": "2.2.0"}, "schemaVersion", "not supported"),
        ({"schemaVersion": 2.1}, "schemaVersion", "expected a string"),
        ({"pipelineInfo": {"name": "Bad Name"}}, "pipelineInfo.name", "does not match"),
        ({"pipelineInfo": {"name": "a" * 129}}, "pipelineInfo.name", "does not match"),
        ({"pipelineInfo": "x"}, "pipelineInfo", "expected an object"),
        ({"root": {}}, "root", "no root"),
        ({"root": [1]}, "root", "expected an object, found a list"),
    ],
)
def test_a_wrong_outer_form_names_its_place(change: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        read_document({**pipeline({"t": task()}), **change})

    assert caught.value.place == place


@pytest.mark.parametrize(
    "content",
    [
        {"pipeline_spec": {}},
        {"pipeline_spec": None, "platform_spec": None},
        {"pipeline_spec": {"a": 1}, "more": 1},
        {"pipeline_spec": pipeline({"t": task()}), "platform_spec": {"other": 1}},
        [],
    ],
)
def test_a_wrong_wrapper_is_refused(content: Any) -> None:
    with pytest.raises(SpecError):
        read_document(content)
