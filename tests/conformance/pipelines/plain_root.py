"""A pipeline root that is a plain path: artifacts pass between Python and container components, the URI is a path that can be read."""

from kfp import dsl
from kfp.dsl import ContainerSpec, Dataset, Input, Output, OutputPath

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"read.Output": ["written"], "cat.text": ["written"]}}


@dsl.component
def write(data: Output[Dataset]):
    with open(data.path, "w") as file:
        file.write("written")


@dsl.component
def read(data: Input[Dataset]) -> str:
    assert data.uri.startswith("/"), data.uri
    with open(data.path) as file:
        return file.read()


@dsl.container_component
def cat(data: Input[Dataset], text: OutputPath(str)):
    return ContainerSpec(image="alpine", command=["sh", "-c", 'mkdir -p "$(dirname "$1")"; cat "$0" > "$1"', data.uri, text])


@dsl.pipeline(name="plain-root", pipeline_root="/penstock-root/artifacts")
def pipeline():
    written = write()
    read(data=written.outputs["data"])
    cat(data=written.outputs["data"])
