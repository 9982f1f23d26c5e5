from __future__ import annotations

import json
import math
from typing import Any

import pytest

from penstock.domain.errors import TaskError
from penstock.domain.execution import ArtifactOutput, RawOutputs
from penstock.spec.kfp.runtime.dialect import KfpDialect
from tests.unit.spec.kfp.runtime.attempts import ROOT, WORKSPACE, artifact, leaf, parse, prepare, request

TYPES = {
    "s": "STRING",
    "n": "NUMBER_INTEGER",
    "x": "NUMBER_DOUBLE",
    "b": "BOOLEAN",
    "l": "LIST",
    "d": "STRUCT",
}


def one(kind: str, **rest: Any) -> Any:
    return request(leaf(outputs={"parameters": {"v": {"parameterType": kind, **rest}}}))


def model(**parts: Any) -> Any:
    return request(leaf(outputs={"artifacts": {"o": "system.Model"}}), **parts)


def described(*items: dict[str, Any]) -> dict[str, Any]:
    return {"artifacts": {"o": {"artifacts": list(items)}}}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("STRING", b" kept as is\n", " kept as is\n"),
        ("NUMBER_INTEGER", b"3\n", 3),
        ("NUMBER_DOUBLE", b"2.5", 2.5),
        ("NUMBER_DOUBLE", b"2", 2.0),
        ("BOOLEAN", b"T", True),
        ("BOOLEAN", b"False\n", False),
        ("LIST", b"[1.0, 2]", [1, 2]),
        ("STRUCT", b'{"a": 1}', {"a": 1}),
    ],
)
def test_files_are_read_by_declared_type(kind: str, text: bytes, value: Any) -> None:
    assert parse(one(kind), files={"v": text}).parameters == {"v": value}


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("NUMBER_INTEGER", b"many", "'v' is of the wrong type: expect NUMBER_INTEGER, got 'many'"),
        ("NUMBER_INTEGER", b"2.5", "expect NUMBER_INTEGER"),
        ("BOOLEAN", b"yes", "expect BOOLEAN, got 'yes'"),
        ("LIST", b"{}", "expect LIST, got struct"),
        ("STRUCT", b"{", "expect STRUCT, got '{'"),
        ("STRING", b"\xff", "not UTF-8"),
        ("STRING", None, "output parameter 'v' .STRING. was not written"),
    ],
)
def test_a_bad_or_missing_output_fails_by_name(kind: str, text: bytes | None, message: str) -> None:
    with pytest.raises(TaskError, match=message) as caught:
        parse(one(kind), files={"v": text} if text is not None else {})

    assert caught.value.kind == "OUTPUT"


def test_what_the_executor_says_wins_over_files() -> None:
    launch = request(leaf(outputs={"parameters": TYPES}))
    values = {"s": "a", "n": 1.0, "x": 1, "b": True, "l": [1.0], "d": {"k": 2.0}}

    parsed = parse(launch, files={"s": b"file"}, executor_output={"parameterValues": values})

    assert parsed.parameters == {"s": "a", "n": 1, "x": 1.0, "b": True, "l": [1], "d": {"k": 2}}


def test_a_value_of_the_wrong_type_fails_by_name() -> None:
    with pytest.raises(TaskError, match="'v' is of the wrong type: expect NUMBER_INTEGER, got string"):
        parse(one("NUMBER_INTEGER"), executor_output={"parameterValues": {"v": "3"}})


def test_optional_outputs_may_be_missing_and_undeclared_ones_are_noted() -> None:
    parsed = parse(one("STRING", isOptional=True), executor_output={"parameterValues": {"other": 1}})

    assert parsed.parameters == {}
    assert parsed.warnings == ("The component returned 'other', which it does not declare.",)


def test_values_of_sdk_1_8_are_read() -> None:
    assert parse(one("NUMBER_INTEGER"), executor_output={"parameters": {"v": {"intValue": "3"}}}).parameters == {"v": 3}


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"parameterValues": []}', b'{"artifacts": {"o": []}}', b'{"artifacts": {"o": {"artifacts": [1]}}}']
)
def test_a_malformed_executor_output_fails(text: bytes) -> None:
    with pytest.raises(TaskError):
        parse(model(), executor_output=text)


def test_an_artifact_nobody_described_is_its_file_or_nothing() -> None:
    spec = prepare(model())
    output = spec.output_artifacts[0]

    written = parse(model(), existing=("o",)).artifacts["o"]
    unwritten = parse(model(), executor_output=b"").artifacts["o"]

    assert written == (ArtifactOutput("o", "o", output.type, output.uri, {}, output.path),)
    assert unwritten == (ArtifactOutput("o", "o", output.type, output.uri, {}, None),)


def test_metadata_name_and_special_numbers_are_taken() -> None:
    uri = prepare(model()).output_artifacts[0].uri
    text = json.dumps(described({"name": "mine", "uri": uri, "metadata": {"a": [math.inf], "b": math.nan, "c": {"d": 1}}})).encode()

    (output,) = parse(model(), executor_output=text).artifacts["o"]

    assert output.artifact_name == "mine"
    assert output.metadata["a"] == [math.inf]
    assert math.isnan(output.metadata["b"])
    assert output.path is None


def test_a_new_uri_in_the_directory_of_the_task_is_followed() -> None:
    folder = prepare(model()).output_artifacts[0].uri.rpartition("/")[0]

    (output,) = parse(model(), executor_output=described({"name": "o", "uri": f"{folder}/other"})).artifacts["o"]

    assert output.uri == f"{folder}/other"
    assert str(output.path) == f"{folder}/other".replace("minio://", f"{ROOT}/mounts/minio/")


def test_a_custom_path_inside_the_attempt_is_taken_and_keeps_the_uri() -> None:
    uri = prepare(model()).output_artifacts[0].uri

    (output,) = parse(model(), executor_output=described({"uri": uri, "custom_path": f"{ROOT}/work/m"})).artifacts["o"]

    assert (output.uri, str(output.path)) == (uri, f"{ROOT}/work/m")


def test_a_relative_custom_path_starts_in_the_working_directory() -> None:
    (output,) = parse(model(), executor_output=described({"custom_path": "deep/m"})).artifacts["o"]

    assert str(output.path) == f"{ROOT}/work/deep/m"


def test_a_custom_path_on_a_mount_is_taken() -> None:
    launch = request(leaf(outputs={"artifacts": {"o": "system.Model"}}, platform={"pvcMount": [{"constant": "data", "mountPath": "/data"}]}))

    (output,) = parse(launch, executor_output=described({"custom_path": "/data/deep/m"})).artifacts["o"]

    assert str(output.path) == "/data/deep/m"


def test_a_custom_path_where_nothing_is_leaves_the_artifact_without_content() -> None:
    launch = model()
    document = json.dumps(described({"custom_path": "/etc/none/such", "metadata": {"rows": 3}})).encode()

    parsed = KfpDialect().parse_outputs(launch, prepare(launch), RawOutputs({}, document, frozenset(), is_there=lambda _: False))

    assert (parsed.artifacts["o"][0].path, parsed.artifacts["o"][0].metadata) == (None, {"rows": 3})
    assert "there is nothing at its custom_path" in parsed.warnings[0]


def test_a_path_in_the_attempt_becomes_the_uri_it_stands_for() -> None:
    path = f"{ROOT}/mounts/gcs/bucket/m"

    (output,) = parse(model(), executor_output=described({"uri": path})).artifacts["o"]

    assert (output.uri, str(output.path)) == ("gs://bucket/m", path)


@pytest.mark.parametrize(
    "item",
    [
        {"uri": "/etc/passwd"},
        {"uri": "file:///etc/passwd"},
        {"uri": f"{ROOT}/../../other/0/outputs/x"},
        {"uri": "minio://b/../../../../../etc/passwd"},
        {"uri": "minio://"},
        {"uri": "relative/path"},
        {"custom_path": "/etc/passwd"},
        {"custom_path": "../../../x"},
        {"custom_path": f"{ROOT}/work/../../1/x"},
        {"metadata": []},
    ],
)
def test_an_artifact_that_leads_out_of_the_attempt_fails(item: dict[str, Any]) -> None:
    with pytest.raises(TaskError, match="'o'") as caught:
        parse(model(), executor_output=described(item))

    assert caught.value.kind == "OUTPUT"


def test_a_remote_uri_is_recorded_without_a_file() -> None:
    (output,) = parse(model(), executor_output=described({"uri": "https://host/model", "metadata": {"k": 1}})).artifacts["o"]

    assert (output.uri, output.path, output.metadata) == ("https://host/model", None, {"k": 1})


def test_the_workspace_of_the_run_is_a_place_for_outputs() -> None:
    (output,) = parse(model(), executor_output=described({"uri": f"{WORKSPACE}/m"})).artifacts["o"]

    assert str(output.path) == f"{WORKSPACE}/m"


@pytest.mark.parametrize(
    ("given", "seen", "path"),
    [
        (artifact("minio://b/k"), "minio://b/k", f"{ROOT}/mounts/minio/b/k"),
        (artifact("/srv/x"), f"{ROOT}/mounts/local/srv/x", f"{ROOT}/mounts/local/srv/x"),
        (artifact("/home/me/x", digest=None), "/home/me/x", None),
        (artifact("gs://b/k", _kfp_workspace=True), f"{WORKSPACE}/.artifacts/gs/b/k", f"{WORKSPACE}/.artifacts/gs/b/k"),
    ],
)
def test_an_input_handed_through_keeps_its_uri(given: Any, seen: str, path: str | None) -> None:
    launch = model(artifacts={"i": (given,)})

    (output,) = parse(launch, executor_output=described({"uri": seen, "name": "d"})).artifacts["o"]

    assert (output.uri, None if output.path is None else str(output.path)) == (given.uri, path)


def test_a_list_output_may_have_any_number_of_artifacts() -> None:
    launch = request(leaf(outputs={"artifacts": {"o": {"artifactType": {"schemaTitle": "system.Model"}, "isArtifactList": True}}}))
    folder = prepare(launch).output_artifacts[0].uri

    outputs = parse(launch, executor_output=described(*({"name": f"m{n}", "uri": f"{folder}/{n}"} for n in range(3)))).artifacts["o"]

    assert [output.uri for output in outputs] == [f"{folder}/{n}" for n in range(3)]
    assert parse(launch, executor_output=described()).artifacts["o"] == ()
