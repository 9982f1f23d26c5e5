from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest

from penstock.domain.errors import TaskError
from penstock.domain.execution import Mount
from penstock.domain.ids import TaskId
from penstock.domain.plan import LeafTemplate
from tests.unit.spec.kfp.ir import container, from_input
from tests.unit.spec.kfp.runtime.attempts import ROOT, Secrets, layout, leaf, prepare, request

STORE = Secrets(secret_login={"user": b"ann", "key": b"\xffraw"}, configmap_settings={"mode": b"fast"})


def prepared(platform: dict[str, Any], *, secrets: Secrets = STORE, has_namespace: bool = True, **parameters: Any) -> Any:
    values = {f"platform.{place}": value for place, value in parameters.pop("hidden", {}).items()}
    return prepare(request(leaf(platform=platform), parameters={**parameters, **values}), secrets=secrets, has_namespace=has_namespace)


# Parameter inputs are lowered to bindings of the enclosing dag; these tests give their values under the hidden names.
NAME = {"runtimeValue": {"constant": "unused"}}


def test_secrets_and_config_maps_become_variables() -> None:
    spec = prepared(
        {
            "secretAsEnv": [{"secretName": "login", "keyToEnv": [{"secretKey": "user", "envVar": "USER"}]}],
            "configMapAsEnv": [{"configMapName": "settings", "keyToEnv": [{"configMapKey": "mode", "envVar": "MODE"}]}],
        }
    )

    assert spec.secret_env == {"USER": "ann"}
    assert spec.env["MODE"] == "fast"
    assert "USER" not in spec.env


def test_a_name_given_by_parameter_wins_and_null_skips_the_entry() -> None:
    entry = {"secretName": "plain", "secretNameParameter": NAME, "keyToEnv": [{"secretKey": "user", "envVar": "USER"}]}
    place = "secretAsEnv[0].secretNameParameter"

    assert prepared({"secretAsEnv": [entry]}, hidden={place: "login"}).secret_env == {"USER": "ann"}
    assert prepared({"secretAsEnv": [entry]}, hidden={place: None}).secret_env == {}
    assert prepared({"secretAsEnv": [entry]}).secret_env == {}


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        ({"secretAsEnv": [{"secretName": "gone", "keyToEnv": []}]}, "secret 'gone' does not exist; create it with `penstock secrets set"),
        ({"configMapAsVolume": [{"configMapName": "gone", "mountPath": "/c"}]}, "config map 'gone' does not exist"),
        (
            {"secretAsEnv": [{"secretName": "login", "keyToEnv": [{"secretKey": "x", "envVar": "X"}]}]},
            "secret 'login' has no key 'x'; its keys are: key, user",
        ),
        (
            {"secretAsEnv": [{"secretName": "login", "keyToEnv": [{"secretKey": "key", "envVar": "KEY"}]}]},
            "the value of key 'key' of secret 'login' is not UTF-8 text, so it cannot be a variable; mount it as a file instead",
        ),
        ({"pvcMount": [{"constant": "../up", "mountPath": "/d"}]}, "'../up' is not a name for a volume"),
    ],
)
def test_what_is_required_and_absent_fails_the_task(platform: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message) as caught:
        prepared(platform)

    assert caught.value.kind == "INPUT"


def test_what_is_optional_may_be_absent() -> None:
    spec = prepared(
        {
            "secretAsEnv": [
                {"secretName": "gone", "optional": True, "keyToEnv": [{"secretKey": "x", "envVar": "X"}]},
                {"secretName": "login", "optional": True, "keyToEnv": [{"secretKey": "x", "envVar": "X"}]},
            ],
            "secretAsVolume": [{"secretName": "gone", "mountPath": "/s", "optional": True}],
            "configMapAsVolume": [{"configMapName": "gone", "mountPath": "/c", "optional": True}],
        }
    )

    assert spec.secret_env == {}
    assert {mount.target.as_posix(): dict(mount.files) for mount in spec.mounts} == {"/s": {}, "/c": {}}


def test_a_volume_without_a_name_is_left_out() -> None:
    entry = {"secretNameParameter": NAME, "mountPath": "/s", "optional": True}
    assert prepared({"secretAsVolume": [entry]}, hidden={"secretAsVolume[0].secretNameParameter": None}).mounts == ()


def test_volumes_of_every_kind_become_mounts() -> None:
    spec = prepared(
        {
            "pvcMount": [
                {"pvcNameParameter": NAME, "mountPath": "/data", "subPath": "a/b"},
                {"constant": "fixed", "mountPath": "/fixed"},
                {"componentInputParameter": "p", "mountPath": "/old"},
                {"pvcNameParameter": NAME, "mountPath": "/skipped"},
            ],
            "genericEphemeralVolume": [{"volumeName": "e", "mountPath": "/scratch"}],
            "emptyDirMounts": [{"volumeName": "d", "mountPath": "/empty"}],
            "secretAsVolume": [{"secretName": "login", "mountPath": "/secret"}],
            "configMapAsVolume": [{"configMapName": "settings", "mountPath": "/config"}],
        },
        hidden={"pvcMount[0].pvcNameParameter": "vol", "pvcMount[2]": "older"},
    )

    assert spec.mounts == (
        Mount(PurePosixPath("/data"), volume="vol", sub_path="a/b"),
        Mount(PurePosixPath("/fixed"), volume="fixed"),
        Mount(PurePosixPath("/old"), volume="older"),
        Mount(PurePosixPath("/scratch")),
        Mount(PurePosixPath("/empty")),
        Mount(PurePosixPath("/secret"), files={"user": b"ann", "key": b"\xffraw"}, read_only=True, is_secret=True),
        Mount(PurePosixPath("/config"), files={"mode": b"fast"}, read_only=True),
    )
    assert spec.warnings == ()


def test_without_private_mounts_the_task_says_where_they_stand() -> None:
    spec = prepared({"emptyDirMounts": [{"mountPath": "/empty"}]}, has_namespace=False)

    assert spec.warnings == (f"Mount path /empty stands below {ROOT / 'mounts'} because this host allows no private mounts.",)


def test_field_paths_are_answered_from_the_run() -> None:
    paths = {
        "NAME": "metadata.name",
        "SPACE": "metadata.namespace",
        "ACCOUNT": "spec.serviceAccountName",
        "LABEL": "metadata.labels['color']",
        "TEAM": "metadata.labels['team']",
        "NOTE": "metadata.annotations['note']",
        "NONE": "metadata.labels['none']",
        "ODD": "status.phase",
    }

    spec = prepared(
        {
            "fieldPathAsEnv": [{"name": name, "fieldPath": path} for name, path in paths.items()],
            "podMetadata": {"labels": {"color": "blue"}, "annotations": {"note": "n"}},
        }
    )

    assert {name: spec.env[name] for name in paths} == {
        "NAME": "task-1",
        "SPACE": "kubeflow",
        "ACCOUNT": "runner",
        "LABEL": "blue",
        "TEAM": "a",
        "NOTE": "n",
        "NONE": "",
        "ODD": "",
    }
    assert spec.warnings == ("Field path status.phase has no value outside Kubernetes; ODD is empty.",)


def test_init_containers_run_before_with_their_own_variables() -> None:
    spec = prepared(
        {
            "initContainers": [
                {"name": "a", "image": "x", "command": ["sh"], "args": ["-c", "echo {{$.pipeline_job_uuid}}"]},
                {"name": "b", "command": ["true"], "env": [{"name": "K", "value": "v w"}]},
                {"name": "c", "image": "entry"},
            ]
        }
    )

    assert spec.init == (("sh", "-c", "echo run-1"), ("env", "K=v w", "true"))
    assert spec.warnings == ("Init container c is skipped: it has no command, and image entry is not run.",)


def test_what_one_machine_cannot_honour_is_said_once_each() -> None:
    spec = prepared(
        {
            "nodeSelector": {"labels": {"pool": "gpu"}},
            "tolerations": [{"key": "a"}, {"tolerationJson": NAME}],
            "nodeAffinity": [{"matchExpressions": []}],
            "imagePullPolicy": "Always",
            "securityContext": {"runAsUser": "1"},
            "enabledSharedMemory": {"volumeName": "shm", "size": "1Gi"},
            "somethingNew": {},
        },
        hidden={"tolerations[1].tolerationJson": [{"key": "b"}]},
    )

    assert spec.warnings == (
        "Node selector pool=gpu is ignored: all tasks run on this machine.",
        "Tolerations are ignored: all tasks run on this machine.",
        "Affinity is ignored: all tasks run on this machine.",
        "Image pull settings are ignored: tasks run as processes and no image is pulled.",
        "Security context runAsUser=1 is ignored: the task runs as the user of the server.",
        "Shared memory of 1Gi is not reserved: the task uses the /dev/shm of this machine.",
        "Kubernetes setting somethingNew is not known here and is ignored.",
    )


def test_null_scheduling_wishes_are_no_wishes() -> None:
    platform = {"nodeSelector": {"nodeSelectorJson": NAME}, "tolerations": [{"tolerationJson": NAME}]}

    assert prepared(platform, hidden={"nodeSelector.nodeSelectorJson": None, "tolerations[0].tolerationJson": None}).warnings == ()


def test_deadlines_come_from_the_configuration() -> None:
    assert prepared({"activeDeadlineSeconds": "20"}).deadline_seconds == 20.0


def volume_task(image: str) -> LeafTemplate:
    """A task of one of the images that stand for making and removing volumes."""
    inputs = {"parameters": {key: {"parameterType": "STRING", "isOptional": True} for key in ("pvc_name", "pvc_name_suffix", "size")}}
    outputs = {"parameters": {"name": "STRING"}} if image == "createpvc" else {}
    return leaf(executor={"container": {"image": f"argostub/{image}"}}, inputs=inputs, outputs=outputs)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"pvc_name": "mine", "pvc_name_suffix": ""}, "mine"),
        ({"pvc_name_suffix": "-data"}, r"test-pipeline-abc-[0-9a-f]{8}-data"),
        ({}, r"test-pipeline-abc-[0-9a-f]{8}"),
    ],
)
def test_creating_a_volume_needs_no_process(given: dict[str, Any], name: str) -> None:
    spec = prepare(request(volume_task("createpvc"), parameters={**given, "size": "1Gi"}))

    (made,) = spec.create_volumes
    assert re.fullmatch(name, made)
    assert (spec.argv, spec.delete_volumes) == ((), ())
    assert spec.files == {spec.output_parameters[0].path: made.encode()}
    assert spec.warnings == (f"Volume {made} is a directory on this machine; its settings are not enforced: size 1Gi.",)


def test_tasks_with_one_suffix_have_a_volume_each_and_keep_it_when_they_are_retried() -> None:
    first = request(volume_task("createpvc"), parameters={"pvc_name_suffix": "-data"})
    again = replace(first, key=replace(first.key, attempt=1))
    other = replace(first, key=replace(first.key, task_id=TaskId("task-2")))

    assert prepare(first).create_volumes == prepare(again).create_volumes != prepare(other).create_volumes


def test_a_volume_is_deleted_by_its_name() -> None:
    assert prepare(request(volume_task("deletepvc"), parameters={"pvc_name": "mine"})).delete_volumes == ("mine",)


@pytest.mark.parametrize(
    ("image", "given", "complaint"),
    [
        ("createpvc", {"pvc_name": "a/b"}, "'a/b' is not a name for a volume"),
        ("createpvc", {"pvc_name": "a", "pvc_name_suffix": "-b"}, "not both: 'a' and '-b'"),
        ("createpvc", {"pvc_name": "a", "size": "large"}, "size of the volume: 'large' is not a quantity"),
        ("deletepvc", {}, "'' is not a name for a volume"),
    ],
)
def test_volumes_that_a_cluster_would_not_make_or_remove_are_refused(image: str, given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TaskError, match=complaint):
        prepare(request(volume_task(image), parameters=given))


CONFIG = {"config": {"parameterType": "TASK_CONFIG"}}


def task_config(passthroughs: list[dict[str, Any]], **parts: Any) -> Any:
    executor = container(
        command=["echo", "{{$}}"],
        env=[{"name": "K", "value": "{{$.pipeline_job_uuid}}"}],
        resources={"cpuLimit": 1.0, "memoryLimit": 2.0, "resourceCpuRequest": "500m", "accelerator": {"type": "gpu", "count": "1"}},
    )
    platform = {
        "nodeSelector": {"labels": {"pool": "a"}},
        "tolerations": [{"key": "t", "tolerationSeconds": "60"}],
        "pvcMount": [{"constant": "vol", "mountPath": "/d", "subPath": "s"}],
        "secretAsEnv": [{"secretName": "login", "keyToEnv": [{"secretKey": "user", "envVar": "USER"}]}],
    }
    template = leaf(executor=executor, platform=platform, inputs={"parameters": CONFIG}, taskConfigPassthroughs=passthroughs)
    return prepare(request(template, **parts), secrets=STORE)


def values_of(spec: Any) -> Any:
    return json.loads(spec.argv[1])["inputs"]["parameterValues"]


def test_task_config_holds_what_is_listed_and_the_task_loses_it() -> None:
    fields = ("RESOURCES", "ENV", "KUBERNETES_NODE_SELECTOR", "KUBERNETES_TOLERATIONS", "KUBERNETES_VOLUMES", "KUBERNETES_AFFINITY")

    spec = task_config([{"field": field} for field in fields])

    assert values_of(spec)["config"] == {
        "resources": {"limits": {"cpu": "1", "memory": "2G", "gpu": "1"}, "requests": {"cpu": "500m"}},
        "env": [
            {"name": "K", "value": "run-1"},
            {"name": "USER", "valueFrom": {"secretKeyRef": {"name": "login", "key": "user", "optional": False}}},
        ],
        "tolerations": [{"key": "t", "tolerationSeconds": 60}],
        "nodeSelector": {"pool": "a"},
        "volumes": [{"name": "vol", "persistentVolumeClaim": {"claimName": "vol"}}],
        "volumeMounts": [{"name": "vol", "mountPath": "/d", "subPath": "s"}],
    }
    assert (spec.mounts, spec.secret_env, spec.warnings, spec.resources.cpu_limit) == ((), {}, (), None)
    assert "K" not in spec.env


def test_task_config_may_be_applied_too() -> None:
    spec = task_config([{"field": "ENV", "applyToTask": True}])

    assert set(values_of(spec)["config"]) == {"env"}
    assert (spec.env["K"], spec.secret_env, spec.resources.cpu_limit) == ("run-1", {"USER": "ann"}, 1.0)
    assert len(spec.mounts) == 1


def test_task_config_names_the_workspace_when_an_input_leads_there() -> None:
    path = str(layout().workspace)
    volumes = values_of(task_config([{"field": "KUBERNETES_VOLUMES"}], parameters={"place": f"{path}/data"}))["config"]

    assert volumes["volumes"][0] == {"name": "kfp-workspace", "persistentVolumeClaim": {"claimName": "test-pipeline-abc-kfp-workspace"}}
    assert volumes["volumeMounts"][0] == {"name": "kfp-workspace", "mountPath": "/kfp-workspace"}


def test_a_task_config_without_anything_listed_is_empty_and_a_given_one_is_kept() -> None:
    assert values_of(task_config([]))["config"] == {}
    assert values_of(task_config([], parameters={"config": {"env": []}}))["config"] == {"env": []}


def test_reference_forms_of_the_platform_are_lowered_by_name() -> None:
    # A reference to an input that the enclosing dag does not declare means the task's own input.
    template = leaf(platform={"secretAsEnv": [{"secretNameParameter": from_input("p"), "keyToEnv": []}]})

    assert prepare(request(template), secrets=STORE).secret_env == {}
