"""An output artifact whose file stands outside the directories of the task fails it in words."""

from kfp import dsl
from kfp.dsl import Dataset, Output

SDKS = ("2.7.0", "2.17.0")
EXPECT = {"state": "FAILED", "error": "outside the directories of the task", "states": {"escape": ["FAILED"]}}


@dsl.component
def escape(data: Output[Dataset]):
    import os

    data.path = "/etc/hostname"
    assert os.path.exists(data.path)


@dsl.pipeline(name="escaping-output")
def pipeline():
    escape()
