from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.domain.errors import TaskError
from tests.unit.spec.kfp.ir import container
from tests.unit.spec.kfp.runtime.attempts import ROOT, WORKSPACE, argv, artifact, leaf, prepare, request

INPUTS = {
    "parameters": {
        "s": {"parameterType": "STRING", "isOptional": True},
        "n": {"parameterType": "NUMBER_DOUBLE", "isOptional": True},
        "l": {"parameterType": "LIST", "isOptional": True},
        "b": {"parameterType": "BOOLEAN", "isOptional": True},
        "default": {"parameterType": "STRING", "defaultValue": "dflt"},
    },
    "artifacts": {"a": {"artifactType": {"schemaTitle": "system.Dataset"}, "isOptional": True}},
}
OUTPUTS = {"parameters": {"v": "STRING"}, "artifacts": {"o": "system.Dataset"}}


def resolved(*elements: Any, **parts: Any) -> list[str]:
    return argv(container(command=["x"], args=list(elements)), inputs=INPUTS, outputs=OUTPUTS, **parts)[1:]


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("{{$.inputs.parameters['s']}}", "text {{$}}"),
        ("--n={{$.inputs.parameters['n']}},{{$.inputs.parameters['b']}}", "--n=2,true"),
        ("{{$.inputs.parameters['l']}}", '[1,{"k":"é"}]'),
        ("{{$.inputs.parameters['default']}}", "dflt"),
        ("{{$.inputs.artifacts['a'].uri}}", "minio://b/k"),
        ("{{$.inputs.artifacts['a'].path}}/part", f"{ROOT}/mounts/minio/b/k/part"),
        ("{{$.inputs.artifacts['a'].name}}", "d"),
        ("{{$.inputs.artifacts['a'].metadata}}", '{"rows":3}'),
        ("{{$.inputs.artifacts['a'].metadata['rows']}}", "3"),
        ("{{$.outputs.parameters['v'].output_file}}", f"{ROOT}/outputs/parameters/v"),
        ("{{$.pipeline_job_name}}|{{$.pipeline_job_resource_name}}|{{$.pipeline_job_uuid}}", "my run|test-pipeline-abc|run-1"),
        ("{{$.pipeline_task_name}}|{{$.pipeline_task_uuid}}", "t|task-1"),
        ("{{$.pipeline_job_create_time_utc}}|{{$.pipeline_job_schedule_time_utc}}", "1970-01-01T00:00:00Z|1970-01-02T00:00:00Z"),
        ("{{$.pipeline_root}} {{$.workspace_path}}", f"minio://mlpipeline/v2/artifacts {WORKSPACE}"),
        ("{{$.nothing_known}}", "{{$.nothing_known}}"),
        (3.0, "3"),
    ],
)
def test_a_placeholder_is_replaced_once(element: Any, expected: str) -> None:
    values = {"s": "text {{$}}", "n": 2.0, "b": True, "l": [1.0, {"k": "é"}]}

    assert resolved(element, parameters=values, artifacts={"a": (artifact("minio://b/k", rows=3),)}) == [expected]


def test_output_placeholders_agree_with_executor_input() -> None:
    path, uri, name, file, whole = resolved(
        "{{$.outputs.artifacts['o'].path}}",
        "{{$.outputs.artifacts['o'].uri}}",
        "{{$.outputs.artifacts['o'].name}}",
        "{{$.outputs.output_file}}",
        "{{$}}",
    )

    outputs = json.loads(whole)["outputs"]
    assert (uri, name, file) == (outputs["artifacts"]["o"]["artifacts"][0]["uri"], "o", outputs["outputFile"])
    assert path == uri.replace("minio://", f"{ROOT}/mounts/minio/")


def test_a_bare_artifact_placeholder_is_the_list_of_all() -> None:
    text = resolved("{{$.inputs.artifacts['a']}}", artifacts={"a": (artifact("minio://b/1"), artifact("minio://b/2"))})[0]

    assert [item["uri"] for item in json.loads(text)] == ["minio://b/1", "minio://b/2"]


@pytest.mark.parametrize(
    ("element", "given", "expected"),
    [
        ({"IfPresent": {"InputName": "s", "Then": ["--s", "{{$.inputs.parameters['s']}}"], "Else": "none"}}, {"s": "v"}, ["--s", "v"]),
        ({"IfPresent": {"InputName": "s", "Then": ["--s", "{{$.inputs.parameters['s']}}"], "Else": "none"}}, {}, ["none"]),
        ({"IfPresent": {"InputName": "s", "Then": "x"}}, {"s": None}, []),
        ({"IfPresent": {"InputName": "default", "Then": "x"}}, {}, ["x"]),
        ({"Concat": ["a", "{{$.inputs.parameters['s']}}", {"Concat": ["b", "c"]}]}, {"s": "-"}, ["a-bc"]),
        ({"Concat": ["a", {"IfPresent": {"InputName": "s", "Then": "b", "Else": "c"}}]}, {}, ["ac"]),
        ({"Concat": ["a", {"IfPresent": {"InputName": "s", "Then": ["b", "c"]}}]}, {"s": "x"}, ["abc"]),
        (
            {
                "IfPresent": {
                    "InputName": "s",
                    "Then": ["1", {"IfPresent": {"InputName": "n", "Then": "2", "Else": ["3", {"Concat": ["4", "5"]}]}}],
                }
            },
            {"s": "x"},
            ["1", "3", "45"],
        ),
    ],
)
def test_structured_elements_expand(element: dict[str, Any], given: dict[str, Any], expected: list[str]) -> None:
    assert resolved(json.dumps(element), parameters=given) == expected
    assert resolved(element, parameters=given) == expected


def test_an_artifact_counts_as_present() -> None:
    element = json.dumps({"IfPresent": {"InputName": "a", "Then": "{{$.inputs.artifacts['a'].uri}}", "Else": "no"}})

    assert resolved(element, artifacts={"a": (artifact("minio://b/k"),)}) == ["minio://b/k"]
    assert resolved(element) == ["no"]


def test_an_absent_optional_input_is_empty_text() -> None:
    assert resolved("[{{$.inputs.parameters['s']}}{{$.inputs.artifacts['a'].path}}]") == ["[]"]


def test_a_missing_metadata_key_fails_the_task() -> None:
    with pytest.raises(TaskError, match="no metadata 'columns'"):
        resolved("{{$.inputs.artifacts['a'].metadata['columns']}}", artifacts={"a": (artifact("minio://b/k"),)})


def test_image_environment_and_resources_resolve_hidden_inputs() -> None:
    hidden = {"pipelinechannel--tag": "3.12", "pipelinechannel--cpu": "500m", "pipelinechannel--word": "w"}
    executor = container(
        image="python:{{$.inputs.parameters['pipelinechannel--tag']}}",
        env=[{"name": "WORD", "value": "<{{$.inputs.parameters['pipelinechannel--word']}}>"}],
        resources={"resourceCpuLimit": "{{$.inputs.parameters['pipelinechannel--cpu']}}"},
    )

    spec = prepare(request(leaf(executor=executor, hidden=hidden), parameters=hidden))

    assert (spec.image, spec.environment.python, spec.env["WORD"], spec.resources.cpu_limit) == ("python:3.12", "3.12", "<w>", 0.5)


def test_a_command_longer_than_the_system_takes_fails_in_words() -> None:
    with pytest.raises(TaskError, match="argument 1 of the command is 200,003 bytes long") as caught:
        resolved("-s={{$.inputs.parameters['s']}}", parameters={"s": "x" * 200_000})

    assert caught.value.kind == "START"


def test_nul_characters_and_missing_commands_fail_in_words() -> None:
    with pytest.raises(TaskError, match="NUL"):
        resolved("{{$.inputs.parameters['s']}}", parameters={"s": "a\0b"})
    with pytest.raises(TaskError, match="entry point of image 'alpine'"):
        prepare(request(leaf(executor={"container": {"image": "alpine"}})))
    built = {"image": "registry/team:1", "command": ["python3", "-m", "kfp.dsl.executor_main"], "args": ["--executor_input", "{{$}}"]}
    with pytest.raises(TaskError, match="inside its image 'registry/team:1'"):
        prepare(request(leaf(executor={"container": built})))


def test_every_task_has_the_variables_of_the_platform() -> None:
    env = prepare(request(leaf(), user_retry_index=2)).env

    assert env["KFP_POD_NAME"] == env["KFP_POD_UID"] == "task-1"
    assert (env["KFP_RETRY_INDEX"], env["KFP_RUN_ID"], env["KFP_RUN_NAME"], env["KFP_TASK_NAME"]) == ("2", "run-1", "my run", "shown")
