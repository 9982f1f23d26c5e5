"""An output that is a symbolic link to a file elsewhere on the machine is refused."""

from kfp import dsl
from kfp.dsl import Dataset, Output

SDKS = ("2.17.0",)
EXPECT = {"state": "FAILED", "error": "leads out of the task", "states": {"link": ["FAILED"]}}


@dsl.component
def link(data: Output[Dataset]):
    import os

    os.symlink("/etc/hostname", data.path)


@dsl.pipeline(name="linked-output")
def pipeline():
    link()
