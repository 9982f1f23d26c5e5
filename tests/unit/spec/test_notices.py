"""What is said of a definition before it runs."""

from __future__ import annotations

from typing import Any

from penstock.spec.kfp.lower import KFP_DIALECT
from penstock.spec.loader import SpecPlanLoader
from penstock.spec.notices import DefinitionNotice, notices_of


def definition(image: str) -> dict[str, Any]:
    return {
        "components": {"comp-a": {"executorLabel": "exec-a"}},
        "deploymentSpec": {"executors": {"exec-a": {"container": {"image": image, "command": ["echo", "hello"]}}}},
        "pipelineInfo": {"name": "p"},
        "root": {"dag": {"tasks": {"a": {"componentRef": {"name": "comp-a"}, "taskInfo": {"name": "a"}}}}},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
    }


def notices(image: str, platform: dict[str, Any]) -> list[DefinitionNotice]:
    kubernetes = {"deploymentSpec": {"executors": {"exec-a": platform}}, "pipelineConfig": {"workspace": {"size": "10Gi"}}}
    whole = {"pipeline_spec": definition(image), "platform_spec": {"platforms": {"kubernetes": kubernetes}}}
    return notices_of(SpecPlanLoader().load(KFP_DIALECT, whole))


def test_what_one_machine_has_not_is_named_with_what_happens_instead() -> None:
    found = notices(
        "alpine",
        {
            "nodeSelector": {"labels": {"disk": "ssd"}},
            "initContainers": [{"name": "first", "image": "busybox"}, {"name": "second", "image": "busybox", "command": ["true"]}],
            "somethingNew": {"x": 1},
        },
    )
    texts = [(one.component, one.text) for one in found]
    assert texts[0][0] == ""
    assert "size 10Gi" in texts[0][1]
    assert {component for component, _ in texts[1:]} == {"comp-a"}
    assert [text.split(":")[0] for _, text in texts[1:]] == [
        "Node selector disk=ssd is ignored",
        "Init container first is skipped",
        "Kubernetes setting somethingNew is not known here and is ignored.",
        "Image alpine is not pulled",
    ]


def test_a_plain_python_component_needs_no_notice() -> None:
    assert notices_of(SpecPlanLoader().load(KFP_DIALECT, definition("python:3.11"))) == []
