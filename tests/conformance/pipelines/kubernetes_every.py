"""Every function of kfp-kubernetes: what a process can have it gets, the rest is a warning on the task."""

from kfp import dsl, kubernetes

SDKS = ("2.17.0",)
EXTRA = ("kfp-kubernetes==2.17.0",)
NEEDS = ("mounts",)
SECRETS = {"every-login": {"user": "ann"}}
CONFIG_MAPS = {"every-mode": {"mode": "fast"}}
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"files.Output": ["ann fast fast False"], "scratch.Output": ["12"], "read.Output": ["kept other"], "facts.Output": ["kubeflow hello"]},
    "states": {"wishes": ["SUCCEEDED", "SUCCEEDED"], "deletepvc": ["SUCCEEDED"]},
}
AFFINITY = {
    "requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
    }
}


@dsl.component
def name(text: str) -> str:
    return text


@dsl.component
def files() -> str:
    import os

    texts = [open(f"/penstock-every/{path}").read() for path in ("secret/user", "config/mode", "computed/mode")]
    return f"{' '.join(texts)} {os.path.exists('/penstock-every/absent/user')}"


@dsl.component
def scratch() -> str:
    texts = []
    for text, folder in (("1", "empty"), ("2", "ephemeral")):
        with open(f"/penstock-every/{folder}/file", "w") as file:
            file.write(text)
        texts.append(open(f"/penstock-every/{folder}/file").read())
    return "".join(texts)


@dsl.component
def write():
    with open("/penstock-every/data/file", "w") as file:
        file.write("kept")


@dsl.component
def write_deep():
    with open("/penstock-every/sub/file", "w") as file:
        file.write("other")


@dsl.component
def read() -> str:
    return " ".join(open(f"/penstock-every/data/{path}").read() for path in ("file", "deep/er/file"))


@dsl.component
def facts() -> str:
    import os

    assert os.environ["UID_OF_POD"]
    return f"{os.environ['SPACE']} {os.environ['NOTE']}"


@dsl.component
def wishes():
    pass


@dsl.pipeline(name="kubernetes-every")
def pipeline(
    tolerations: list = [{"key": "a", "operator": "Exists"}], affinity: dict = AFFINITY, labels: dict = {"disk": "ssd"}, pull: str = "login"
):
    task = files()
    kubernetes.use_secret_as_volume(task, secret_name="every-login", mount_path="/penstock-every/secret")
    kubernetes.use_secret_as_volume(task, secret_name="absent", mount_path="/penstock-every/absent", optional=True)
    kubernetes.use_config_map_as_volume(task, config_map_name="every-mode", mount_path="/penstock-every/config")
    kubernetes.use_config_map_as_volume(task, config_map_name=name(text="every-mode").output, mount_path="/penstock-every/computed")
    task = scratch()
    kubernetes.empty_dir_mount(task, volume_name="empty", mount_path="/penstock-every/empty", medium="Memory", size_limit="1Gi")
    kubernetes.add_ephemeral_volume(
        task, volume_name="own", mount_path="/penstock-every/ephemeral", access_modes=["ReadWriteOnce"], size="1Gi", labels={"a": "b"}
    )
    volume = kubernetes.CreatePVC(pvc_name="every-claim", access_modes=["ReadWriteMany"], size="5Gi", storage_class_name="", annotations={"a": "b"})
    first = write().after(volume)
    kubernetes.mount_pvc(first, pvc_name="every-claim", mount_path="/penstock-every/data")
    second = write_deep().after(first)
    kubernetes.mount_pvc(second, pvc_name=volume.outputs["name"], mount_path="/penstock-every/sub", sub_path="deep/er")
    third = read().after(second)
    kubernetes.mount_pvc(third, pvc_name="every-claim", mount_path="/penstock-every/data")
    kubernetes.DeletePVC(pvc_name="every-claim").after(third)
    task = facts()
    kubernetes.add_pod_annotation(task, "example.org/note", "hello")
    kubernetes.use_field_path_as_env(task, "SPACE", "metadata.namespace")
    kubernetes.use_field_path_as_env(task, "UID_OF_POD", "metadata.uid")
    kubernetes.use_field_path_as_env(task, "NOTE", "metadata.annotations['example.org/note']")
    task = wishes()
    kubernetes.add_node_selector(task, "disk", "ssd")
    kubernetes.add_toleration(task, key="k", operator="Equal", value="v", effect="NoExecute", toleration_seconds=10)
    kubernetes.add_node_affinity(task, match_expressions=[{"key": "disk", "operator": "In", "values": ["ssd"]}], weight=3)
    kubernetes.set_image_pull_secrets(task, ["login", pull])
    kubernetes.set_image_pull_policy(task, "Always")
    kubernetes.set_security_context(task, run_as_user=0, run_as_group=0, run_as_non_root=False)
    kubernetes.set_timeout(task, 60)
    task = wishes().set_display_name("wishes")
    kubernetes.add_node_selector_json(task, labels)
    kubernetes.add_toleration_json(task, tolerations)
    kubernetes.add_node_affinity_json(task, affinity)
