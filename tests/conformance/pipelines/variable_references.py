"""Variables that refer to variables, in values and in arguments (`$(NAME)`): replaced as in a pod, but not in data; what names none stays."""

from kfp import dsl
from kfp.dsl import ContainerSpec, OutputPath

SDKS = ("2.0.1", "2.7.0", "2.17.0")
EXPECT = {
    "state": "SUCCEEDED",
    "outputs": {
        "show.Output": ["store.example:90 at store.example:90/data, $(ABSENT), $(HOST), $(LATER)"],
        "write.line": ["to store.example of $(HOST) in files"],
    },
}


@dsl.component
def show() -> str:
    import os

    return f"{os.environ['PLACE']} at {os.environ['URL']}, {os.environ['UNKNOWN']}, {os.environ['ESCAPED']}, {os.environ['EARLY']}"


@dsl.container_component
def write(text: str, line: OutputPath(str)):
    return ContainerSpec(
        image="alpine",
        command=["sh", "-c", 'mkdir -p "$(dirname "$1")"; printf %s "to $0 of $2 in $(echo files)" > "$1"', "$(HOST)"],
        args=[line, text],
    )


@dsl.pipeline(name="variable-references")
def pipeline():
    task = show()
    for name, value in (
        ("HOST", "store.example"), ("PLACE", "$(HOST):90"), ("URL", "$(PLACE)/data"), ("UNKNOWN", "$(ABSENT)"), ("ESCAPED", "$$(HOST)"),
        ("EARLY", "$(LATER)"), ("LATER", "x"),
    ):  # fmt: skip
        task.set_env_variable(name, value)
    write(text="$(HOST)").set_env_variable("HOST", "store.example")
