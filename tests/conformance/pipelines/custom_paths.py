"""Artifacts that a component keeps at a `custom_path`: in `/tmp`, in a temporary directory, a whole directory, a relative path."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

SDKS = ("2.17.0",)
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {"read.Output": ["in /tmp"], "read-2.Output": ["temporary"], "read-3.Output": ["relative"], "names.Output": ["a b"]},
}


@dsl.component
def shared(data: Output[Dataset], run: str):
    data.custom_path = f"/tmp/penstock-custom-{run}"
    with open(data.path, "w") as file:
        file.write("in /tmp")


@dsl.component
def temporary(data: Output[Dataset]):
    import os
    import tempfile

    data.custom_path = os.path.join(tempfile.mkdtemp(), "file")
    with open(data.path, "w") as file:
        file.write("temporary")


@dsl.component
def relative(data: Output[Dataset]):
    data.custom_path = "here.txt"
    with open(data.path, "w") as file:
        file.write("relative")


@dsl.component
def folder(data: Output[Dataset]):
    import tempfile

    data.custom_path = tempfile.mkdtemp()
    for name in ("a", "b"):
        open(f"{data.path}/{name}", "w").close()


@dsl.component
def read(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read()


@dsl.component
def names(data: Input[Dataset]) -> str:
    import os

    return " ".join(sorted(os.listdir(data.path)))


@dsl.pipeline(name="custom-paths")
def pipeline():
    read(data=shared(run=dsl.PIPELINE_JOB_ID_PLACEHOLDER).outputs["data"])
    read(data=temporary().outputs["data"])
    read(data=relative().outputs["data"])
    names(data=folder().outputs["data"])
