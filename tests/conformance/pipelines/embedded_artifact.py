"""A component with embedded files, and one with an embedded notebook-sized source."""

import os
import tempfile

from kfp import dsl

SDKS = ("2.17.0",)
EXPECT = {"state": "SUCCEEDED", "outputs": {"read.Output": ["embedded text"]}}

_folder = tempfile.mkdtemp()
with open(os.path.join(_folder, "note.txt"), "w") as _file:
    _file.write("embedded text")


@dsl.component(embedded_artifact_path=os.path.join(_folder, "note.txt"))
def read(note: dsl.EmbeddedInput[dsl.Dataset]) -> str:
    with open(note.path) as file:
        return file.read()


@dsl.pipeline(name="embedded-artifact")
def pipeline():
    read()
