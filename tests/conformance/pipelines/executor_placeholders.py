"""The executor's input and output file as arguments: a command that writes metadata of its artifact, a function that reads its input."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

SDKS = ("2.7.0", "2.17.0")
EXPECT = {"state": "SUCCEEDED", "outputs": {"read.Output": ["7 about {{$}}"], "look.Output": ["5 True"]}}


@dsl.container_component
def publish(data: Output[Dataset], target: str, note: str):
    script = 'mkdir -p "$(dirname "$0")" && printf \'{"artifacts":{"data":{"artifacts":[{"metadata":{"rows":7,"note":"%s"}}]}}}\' "$1" > "$0"'
    return dsl.ContainerSpec(image="alpine:3", command=["sh", "-c", script], args=[target, note])


@dsl.component
def say(text: str) -> str:
    return text + " {" + "{$}}"


@dsl.component
def read(data: Input[Dataset]) -> str:
    return f"{data.metadata['rows']} {data.metadata['note']}"


@dsl.component
def look(number: int, executor: str, output: str) -> str:
    import json

    told = json.loads(executor)
    return f"{told['inputs']['parameterValues']['number']} {told['outputs']['outputFile'] == output}"


@dsl.pipeline(name="executor-placeholders")
def pipeline():
    published = publish(target=dsl.PIPELINE_TASK_EXECUTOR_OUTPUT_PATH_PLACEHOLDER, note=say(text="about").output)
    read(data=published.outputs["data"])
    look(number=5, executor=dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER, output=dsl.PIPELINE_TASK_EXECUTOR_OUTPUT_PATH_PLACEHOLDER)
