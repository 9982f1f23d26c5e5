from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from penstock.domain.errors import TaskError
from penstock.spec.kfp.platform import TEXTS_OF_ATTEMPT
from penstock.spec.kfp.runtime.executor_input import input_parameters
from tests.unit.spec.kfp.ir import container
from tests.unit.spec.kfp.runtime.attempts import ROOT, WORKSPACE, artifact, leaf, prepare, request

START = """
program_path=$(mktemp -d)

printf "%s" "$0" > "$program_path/ephemeral_component.py"
_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --component_module_path "$program_path/ephemeral_component.py" "$@"
"""
ECHO = container(command=["echo", "{{$}}"])
ALL_TYPES = {
    "parameters": {
        "n": "NUMBER_INTEGER",
        "x": "NUMBER_DOUBLE",
        "s": "STRING",
        "b": "BOOLEAN",
        "l": "LIST",
        "d": "STRUCT",
        "o": {"parameterType": "STRING", "isOptional": True},
        "f": {"parameterType": "NUMBER_INTEGER", "defaultValue": 2.0},
    }
}
VALUES = {"n": 1.0, "x": 2, "s": [1.0, "a"], "b": False, "l": [1.0, 1.5], "d": {"k": {"n": 3.0}}, "o": None}


def executor_input(**parts: Any) -> Any:
    given = {name: parts.pop(name) for name in ("parameters", "artifacts", "pipeline_root", "attempt") if name in parts}
    return json.loads(prepare(request(leaf(executor=ECHO, **parts), **given)).argv[1])


def test_values_have_the_numbers_that_components_expect() -> None:
    values = executor_input(inputs=ALL_TYPES, parameters=VALUES)["inputs"]["parameterValues"]

    assert values == {"n": 1, "x": 2.0, "s": '[1,"a"]', "b": False, "l": [1, 1.5], "d": {"k": {"n": 3}}, "f": 2}
    assert [type(values[name]) for name in ("n", "x", "f")] == [int, float, int]


def test_hidden_inputs_are_passed_on_and_those_of_the_platform_are_not() -> None:
    given = {"pipelinechannel--x": 1.0, "platform.secretAsEnv[0].secretNameParameter": "s"}

    assert executor_input(parameters=given)["inputs"]["parameterValues"] == {"pipelinechannel--x": 1}


def test_texts_of_the_author_find_what_the_attempt_has_and_data_stays_as_it_is() -> None:
    inputs = {"parameters": {"file": "STRING", "whole": "STRING", "data": "STRING"}}
    given = {"file": "{{$.outputs.output_file}}", "whole": "{{$}}", "data": "{{$}}", TEXTS_OF_ATTEMPT: ["file", "whole"]}

    found = executor_input(inputs=inputs, parameters=given)

    values = found["inputs"]["parameterValues"]
    assert (values["file"], values["data"]) == (found["outputs"]["outputFile"], "{{$}}")
    assert json.loads(values["whole"])["outputs"] == found["outputs"]
    assert set(values) == {"file", "whole", "data"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({**VALUES, "n": "1"}, "'n' type mismatch: expect NUMBER_INTEGER, got string '1'"),
        ({**VALUES, "l": {}}, "'l' type mismatch: expect LIST, got struct"),
        ({**VALUES, "s": None}, "'s' is null and no default"),
        ({name: value for name, value in VALUES.items() if name != "b"}, "'b' has no value and no default"),
    ],
)
def test_a_wrong_or_missing_input_fails_the_task_by_name(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message) as caught:
        input_parameters(leaf(inputs=ALL_TYPES), parameters)

    assert caught.value.kind == "INPUT"


def test_outputs_live_in_one_directory_that_belongs_to_the_attempt() -> None:
    outputs = {"parameters": {"v": "STRING"}, "artifacts": {"o": "system.Model"}}

    first = executor_input(outputs=outputs)["outputs"]
    again = executor_input(outputs=outputs)["outputs"]
    retry = executor_input(outputs=outputs, attempt=1)["outputs"]

    uri = first["artifacts"]["o"]["artifacts"][0]["uri"]
    assert uri.startswith("minio://mlpipeline/v2/artifacts/test-pipeline/run-1/t/")
    assert first["artifacts"]["o"]["artifacts"][0] == {
        "name": "o",
        "type": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"},
        "uri": uri,
        "metadata": {},
    }
    folder = uri.removesuffix("/o").replace("minio://", f"{ROOT}/mounts/minio/")
    assert first["outputFile"] == f"{folder}/output_metadata.json"
    assert first["parameters"]["v"]["outputFile"] == f"{ROOT}/outputs/parameters/v"
    assert first == again
    assert first != retry


@pytest.mark.parametrize(
    ("source", "outputs", "is_below_root"),
    [
        ("def f(): ...", {"parameters": {"v": "STRING"}}, False),
        ("def f(): return dsl.get_uri()", {"parameters": {"v": "STRING"}}, True),
        ("def f(): ...", {"artifacts": {"o": "system.Model"}}, True),
    ],
)
def test_a_component_that_cannot_ask_for_its_root_gets_no_directory_for_it(source: str, outputs: Any, *, is_below_root: bool) -> None:
    function = container(command=["sh", "-ec", START, source], args=["--executor_input", "{{$}}", "--function_to_execute", "f"])

    spec = prepare(request(leaf(executor=function, outputs=outputs)))

    assert spec.python is not None
    file = json.loads(spec.python.executor_input)["outputs"]["outputFile"]
    assert str(spec.executor_output) == file
    assert spec.executor_output is not None
    assert spec.executor_output.parent in spec.directories
    assert file.startswith(f"{ROOT}/mounts/minio/mlpipeline/" if is_below_root else f"{ROOT}/outputs/")
    assert any("mounts" in directory.parts for directory in spec.directories) is is_below_root


@pytest.mark.parametrize(
    ("install", "is_below_root"),
    [("'kfp==2.17.0' '--no-deps'", False), ("'kfp==2.0.1'", False), ("'kfp==2.17.0' '--no-deps' && python3 -m pip install 'mylib==1'", True)],
)
def test_a_component_with_packages_of_its_own_may_ask_for_its_root(install: str, *, is_below_root: bool) -> None:
    installing = f'python3 -m pip install --quiet --no-warn-script-location {install} && "$0" "$@"'
    function = container(
        command=["sh", "-c", installing, "sh", "-ec", START, "def f(): ..."], args=["--executor_input", "{{$}}", "--function_to_execute", "f"]
    )

    spec = prepare(request(leaf(executor=function, outputs={"parameters": {"v": "STRING"}})))

    assert spec.python is not None
    assert str(spec.executor_output).startswith(f"{ROOT}/mounts/minio/mlpipeline/" if is_below_root else f"{ROOT}/outputs/")


def test_names_that_are_no_file_names_stay_inside_the_directory() -> None:
    outputs = {"parameters": {"../up": "STRING", "..": "STRING", "a b": "STRING"}, "artifacts": {"x/../../y": "system.Dataset"}}

    spec = prepare(request(leaf(outputs=outputs)))

    parents = {output.path.parent for output in spec.output_parameters} | {output.path.parent for output in spec.output_artifacts}
    assert all(str(parent).startswith(str(ROOT)) and ".." not in parent.parts for parent in parents)
    assert len({output.path.name for output in spec.output_parameters}) == 3
    assert not any(output.path.name in {".", ".."} for output in spec.output_parameters)


def test_input_artifacts_are_staged_where_the_sdk_looks_for_them() -> None:
    uris = ("minio://b/k/d", "gs://b/k", "s3://b/k", "oci://reg/img:1")
    artifacts = {f"a{n}": (artifact(uri),) for n, uri in enumerate(uris)}

    spec = prepare(request(leaf(), artifacts=artifacts))

    assert [str(staged.path.relative_to(ROOT / "mounts")) for staged in spec.staged] == [
        "minio/b/k/d",
        "gcs/b/k",
        "s3/b/k",
        "oci/reg_img:1/models",
    ]
    assert spec.path_prefixes == {
        "minio": f"{ROOT}/mounts/minio",
        "gs": f"{ROOT}/mounts/gcs",
        "s3": f"{ROOT}/mounts/s3",
        "oci": f"{ROOT}/mounts/oci",
        "local": f"{ROOT}/mounts/local",
        "workspace": str(WORKSPACE),
    }


def test_one_artifact_given_twice_is_staged_once_and_of_unstored_ones_those_elsewhere_where_they_can_be_read() -> None:
    never_written = f"minio://b/root/pipeline/{uuid.uuid4()}/evaluate/{uuid.uuid4()}/metrics"
    artifacts = {
        "a": (artifact("minio://b/k"), artifact("minio://b/k")),
        "b": (artifact("minio://b/k"), artifact(never_written, digest=None), artifact("gs://b/far", digest=None)),
        "c": (artifact("/data/local", digest=None), artifact("http://host/page", digest=None)),
    }
    staged = prepare(request(leaf(), artifacts=artifacts)).staged

    assert [(item.artifact.uri, item.is_required) for item in staged] == [("minio://b/k", True), ("gs://b/far", False)]


def test_a_plain_path_root_is_private_to_the_task() -> None:
    outputs = {"artifacts": {"o": "system.Dataset"}}
    launch = request(leaf(executor=ECHO, outputs=outputs), pipeline_root="/srv/root/", artifacts={"i": (artifact("/srv/root/i"),)})

    spec = prepare(launch)
    document = json.loads(spec.argv[1])

    seen = document["outputs"]["artifacts"]["o"]["artifacts"][0]["uri"]
    assert seen == str(spec.output_artifacts[0].path)
    assert seen.startswith(f"{ROOT}/mounts/local/srv/root/test-pipeline/run-1/t/")
    assert spec.output_artifacts[0].uri == seen.removeprefix(f"{ROOT}/mounts/local")
    assert document["inputs"]["artifacts"]["i"]["artifacts"][0]["uri"] == f"{ROOT}/mounts/local/srv/root/i"


@pytest.mark.parametrize(
    ("uri", "seen"), [("/home/me/x.csv", "/home/me/x.csv"), ("file:///home/me/x.csv", "/home/me/x.csv"), ("http://h/x", "http://h/x")]
)
def test_an_imported_artifact_outside_the_store_is_shown_in_place(uri: str, seen: str) -> None:
    spec = prepare(request(leaf(executor=ECHO), artifacts={"i": (artifact(uri, digest=None),)}))

    assert json.loads(spec.argv[1])["inputs"]["artifacts"]["i"]["artifacts"][0]["uri"] == seen
    assert spec.staged == ()


def test_an_artifact_in_the_workspace_is_shown_at_its_place_there() -> None:
    spec = prepare(request(leaf(executor=ECHO), artifacts={"i": (artifact("gs://b/k", _kfp_workspace=True, other=1),)}))

    seen = json.loads(spec.argv[1])["inputs"]["artifacts"]["i"]["artifacts"][0]
    assert (seen["uri"], seen["metadata"]) == (f"{WORKSPACE}/.artifacts/gs/b/k", {"other": 1})
    assert spec.staged == ()


def test_a_pipeline_root_of_another_kind_fails_the_task() -> None:
    with pytest.raises(TaskError, match="pipeline root 'hdfs://x'"):
        prepare(request(leaf(), pipeline_root="hdfs://x"))
