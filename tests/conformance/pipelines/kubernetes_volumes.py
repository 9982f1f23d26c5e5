"""Persistent volumes made and removed by the pipeline, mounted by tasks, with an artifact on one; volumes of absent optional secrets."""

from kfp import dsl, kubernetes
from kfp.dsl import Dataset, Input, Output

SDKS = ("2.17.0",)
EXTRA = ("kfp-kubernetes==2.17.0",)
NEEDS = ("mounts",)
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"read.Output": ["kept"], "show.Output": ["on the volume"], "listed.Output": ["[] []"]},
    "states": {"createpvc": ["SUCCEEDED"], "deletepvc": ["SUCCEEDED"]},
}


@dsl.component
def write():
    with open("/penstock-test-data/file.txt", "w") as file:
        file.write("kept")


@dsl.component
def read() -> str:
    with open("/penstock-test-data/file.txt") as file:
        return file.read()


@dsl.component
def publish(data: Output[Dataset]):
    data.custom_path = "/penstock-test-data/published"
    with open(data.path, "w") as file:
        file.write("on the volume")


@dsl.component
def show(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read()


@dsl.component
def listed() -> str:
    import os

    return f"{os.listdir('/penstock-test-secret')} {os.listdir('/penstock-test-settings')}"


@dsl.pipeline(name="kubernetes-volumes")
def pipeline():
    task = listed()
    kubernetes.use_secret_as_volume(task, secret_name="absent", mount_path="/penstock-test-secret", optional=True)
    kubernetes.use_config_map_as_volume(task, config_map_name="absent", mount_path="/penstock-test-settings", optional=True)
    volume = kubernetes.CreatePVC(pvc_name_suffix="-data", access_modes=["ReadWriteOnce"], size="1Gi", storage_class_name="standard")
    first = write()
    second = read().after(first)
    third = publish().after(first)
    show(data=third.outputs["data"])
    for task in (first, second, third):
        kubernetes.mount_pvc(task, pvc_name=volume.outputs["name"], mount_path="/penstock-test-data")
    kubernetes.DeletePVC(pvc_name=volume.outputs["name"]).after(second, third)
