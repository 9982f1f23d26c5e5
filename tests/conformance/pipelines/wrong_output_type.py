"""An output file whose text is not of the declared type fails the task and says so."""

from kfp import dsl
from kfp.dsl import ContainerSpec, OutputPath

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {"state": "FAILED", "error": "NUMBER_INTEGER", "states": {"confuse": ["FAILED"]}}


@dsl.container_component
def confuse(result: OutputPath(int)):
    return ContainerSpec(image="alpine", command=["sh", "-c", 'mkdir -p "$(dirname "$0")"; printf many > "$0"', result])


@dsl.pipeline(name="wrong-output-type")
def pipeline():
    confuse()
