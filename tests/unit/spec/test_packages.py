from __future__ import annotations

import io
import json
import tarfile
import zipfile

import pytest
import yaml

from penstock.domain.errors import SpecError
from penstock.spec.packages import MAX_BYTES, of_pipeline, read_package
from tests.unit.spec.kfp.ir import pipeline, task

SPEC = pipeline({"t": task()})
PLATFORM = {"platforms": {"kubernetes": {"pipelineConfig": {}}}}
TEXT = yaml.safe_dump(SPEC)
WORKFLOW = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "x-"}, "spec": {}}


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def tarred(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def name_case(value: bytes | str) -> str:
    """The name of a case: an archive holds the time, so its bytes would name it anew each run."""
    return value if isinstance(value, str) else "data"


@pytest.mark.parametrize(
    ("data", "name"),
    ids=name_case,
    argvalues=[
        (TEXT.encode(), "a.yaml"),
        (TEXT.encode(), "A.YML"),
        (b"\xef\xbb\xbf" + TEXT.encode(), "a.yaml"),
        (json.dumps(SPEC).encode(), "a.json"),
        (zipped(**{"readme.txt": "no", "pipeline.yaml": TEXT}), "a.zip"),
        (zipped(**{"other.yaml": TEXT}), "a.zip"),
        (tarred(**{"./pipeline.yaml": TEXT}), "a.tar.gz"),
        (tarred(**{"first.yaml": TEXT, "second.yaml": "no"}), "a.tgz"),
    ],
)
def test_every_kind_of_file_gives_the_same_definition(data: bytes, name: str) -> None:
    package = read_package(data, name)

    assert package.kind == "kfp"
    assert package.content == SPEC
    assert json.loads(package.source) == SPEC if name.endswith(".json") else package.source == TEXT


def test_two_documents_become_the_pair_in_either_order() -> None:
    for documents in ([SPEC, PLATFORM], [PLATFORM, SPEC], [None, SPEC, PLATFORM]):
        content = read_package(yaml.safe_dump_all(documents).encode(), "a.yaml").content

        assert content == {"pipeline_spec": SPEC, "platform_spec": PLATFORM}


def test_an_argo_workflow_is_recognised() -> None:
    package = read_package(yaml.safe_dump(WORKFLOW).encode(), "a.yaml")

    assert (package.kind, package.content) == ("argo", WORKFLOW)


def test_dates_stay_text_and_keys_become_strings() -> None:
    text = TEXT + "\ndefaultPipelineRoot: 2024-01-02\ncomponents_: {2: a, true: b, null: c}\n"

    content = read_package(text.encode(), "a.yaml").content

    assert content["defaultPipelineRoot"] == "2024-01-02"
    assert content["components_"] == {"2": "a", "true": "b", "null": "c"}


def laughs(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("data", "name", "words"),
    ids=name_case,
    argvalues=[
        (b"", "a.yaml", "empty"),
        (b"--- \n---\n", "a.yaml", "empty"),
        (b"[1, 2]", "a.yaml", "found a list"),
        (b"a: 1", "a.yaml", "neither a KFP pipeline nor an Argo Workflow"),
        (b"a: [", "a.yaml", "not YAML: .* .line 2"),
        (b"a: \x01", "a.yaml", "not YAML"),
        (b"\xff\xfe\x00", "a.yaml", "not UTF-8"),
        (b"!!python/object/apply:os.system [ls]", "a.yaml", "could not determine a constructor"),
        (laughs(10).encode(), "a.yaml", "nodes once its aliases are expanded"),
        (b"a: &a [*a]", "a.yaml", "stands inside"),
        (b"[" * 5000, "a.yaml", "nested"),
        (b"[" * 200000, "a.json", "nested"),
        (b"{", "a.json", "not JSON"),
        (b"x" * (MAX_BYTES + 1), "a.yaml", "more than 33,554,432 bytes"),
        (TEXT.encode(), "a.txt", "unknown kind of file"),
        (TEXT.encode(), "", "unknown kind of file"),
        (b"no zip", "a.zip", "not a readable zip"),
        (zipped(), "a.zip", "archive is empty"),
        (zipped(**{"a.yaml": "a: ["}), "a.zip", "not YAML"),
        (zipped(**{"a.yaml": "x" * (MAX_BYTES + 1)}), "a.zip", "inside the archive"),
        (b"no tar", "a.tar.gz", "not a readable tar.gz"),
        (tarred(), "a.tar.gz", "archive is empty"),
        (tarred(**{"a.yaml": "x" * (MAX_BYTES + 1)}), "a.tar.gz", "unpacks to more"),
        (f"{TEXT}\n---\n{TEXT}".encode(), "a.yaml", "at most one PlatformSpec"),
        (yaml.safe_dump({**WORKFLOW, "kind": "CronWorkflow"}).encode(), "a.yaml", "expected one Argo Workflow"),
    ],
)
def test_what_is_not_a_pipeline_is_refused_in_words(data: bytes, name: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        read_package(data, name)

    assert caught.value.place == name


def test_a_workflow_of_the_compatible_mode_is_told_the_name_of_its_pipeline() -> None:
    arguments = {"parameters": [{"name": "pipeline-name", "value": "pipeline/old"}, {"name": "n", "value": "1"}]}
    notes = {"annotations": {"pipelines.kubeflow.org/v2_pipeline": "true"}}
    workflow = {**WORKFLOW, "metadata": {**WORKFLOW["metadata"], **notes}, "spec": {**WORKFLOW["spec"], "arguments": arguments}}
    package = read_package(yaml.safe_dump(workflow).encode(), "a.yaml")
    named = of_pipeline(package, "uploaded")
    assert [item["value"] for item in named.content["spec"]["arguments"]["parameters"]] == ["pipeline/uploaded", "1"]
    assert yaml.safe_load(named.source) == named.content
    assert of_pipeline(named, "uploaded") is named
    plain = read_package(yaml.safe_dump(WORKFLOW).encode(), "a.yaml")
    assert of_pipeline(plain, "uploaded") is plain
