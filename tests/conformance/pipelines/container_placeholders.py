"""Container components: every placeholder form, IfPresent, Concat, nested, embedded in longer text."""

from typing import Optional

from kfp import dsl
from kfp.dsl import Artifact, ContainerSpec, Dataset, Input, Output, OutputPath

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {
        "write.note": ["text=hello world 3 true [1,2]"],
        "read.seen": ["content: hello"],
        "choose.line": ["--prefix-x|given|end", "none|end"],
    },
}


@dsl.container_component
def write(text: str, count: int, flag: bool, items: list, data: Output[Dataset], note: OutputPath(str)):
    return ContainerSpec(
        image="alpine",
        command=["sh", "-c", 'mkdir -p "$(dirname "$1")" "$(dirname "$2")"; printf %s hello > "$1"; printf "%s" "$3 $4 $5 $6" > "$2"', "sh"],
        args=[data.path, note, f"text={text}", count, flag, items],
    )


@dsl.container_component
def read(data: Input[Dataset], seen: OutputPath(str)):
    return ContainerSpec(
        image="alpine",
        command=["sh", "-c", 'mkdir -p "$(dirname "$1")"; printf "content: %s" "$(cat "$0")" > "$1"', data.path, seen],
    )


@dsl.container_component
def choose(line: OutputPath(str), word: Optional[str] = None):
    return ContainerSpec(
        image="alpine",
        command=["sh", "-c", 'out="$1"; shift; mkdir -p "$(dirname "$out")"; IFS="|"; printf %s "$*" > "$out"', "sh", line],
        args=[
            dsl.IfPresentPlaceholder(input_name="word", then=[dsl.ConcatPlaceholder(["--prefix-", "x"]), word], else_=["none"]),
            "end",
        ],
    )


@dsl.pipeline(name="container-placeholders")
def pipeline(word: str = "given"):
    written = write(text="hello world", count=3, flag=True, items=[1, 2])
    read(data=written.outputs["data"])
    choose(word=word)
    choose().set_display_name("choose")
