from __future__ import annotations

from typing import Any

import pytest

from penstock.api.kfp_v1.handlers.runs import run_request
from penstock.domain.errors import InvalidArgumentError


def test_parameters_of_a_list_are_texts() -> None:
    request = run_request({"pipeline_spec": {"parameters": [{"name": "count", "value": "3"}]}})

    assert (request.parameters, request.are_texts, request.pipeline_root) == ({"count": "3"}, True, "")


@pytest.mark.parametrize("words", [("runtime_config", "pipeline_root"), ("runtimeConfig", "pipelineRoot")])
def test_parameters_of_a_runtime_config_keep_their_types(words: tuple[str, str]) -> None:
    config, root = words
    given = {"parameters": {"count": 3, "names": ["a", "b"]}, root: "minio://bucket/place"}

    request = run_request({"pipeline_spec": {config: given}})

    assert request.parameters == {"count": 3, "names": ["a", "b"]}
    assert (request.are_texts, request.pipeline_root) == (False, "minio://bucket/place")


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"runtime_config": ["x"]}, "runtime_config must be an object"),
        ({"runtime_config": {"parameters": ["x"]}}, "runtime_config must be an object, and its parameters too"),
        ({"parameters": [{"name": "a", "value": "b"}], "runtime_config": {"parameters": {"a": "c"}}}, "not both"),
    ],
)
def test_what_is_no_runtime_config_or_one_too_many_is_refused(spec: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidArgumentError, match=complaint):
        run_request({"pipeline_spec": spec})
