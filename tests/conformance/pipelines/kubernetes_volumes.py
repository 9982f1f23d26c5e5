"""Persistent volumes made and removed by the pipeline, mounted by tasks; an artifact whose `custom_path` is on one."""

from kfp import dsl, kubernetes
from kfp.dsl import Dataset, Input, Output

SDKS = ("2.17.0",)
EXTRA = ("kfp-kubernetes==2.17.0",)
NEEDS = ("mounts",)
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"read.Output": ["kept"], "show.Output": ["on the volume"]},
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


@dsl.pipeline(name="kubernetes-volumes")
def pipeline():
    volume = kubernetes.CreatePVC(pvc_name_suffix="-data", access_modes=["ReadWriteOnce"], size="1Gi", storage_class_name="standard")
    first = write()
    second = read().after(first)
    third = publish().after(first)
    show(data=third.outputs["data"])
    for task in (first, second, third):
        kubernetes.mount_pvc(task, pvc_name=volume.outputs["name"], mount_path="/penstock-test-data")
    kubernetes.DeletePVC(pvc_name=volume.outputs["name"]).after(second, third)
