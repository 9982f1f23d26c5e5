"""What a server that has nothing yet offers to copy: one program for each client, as lines for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

_PIPELINE = """\
import kfp
from kfp import dsl

@dsl.component
def add(a: float, b: float) -> float:
    return a + b

@dsl.pipeline
def add_pipeline(a: float = 1, b: float = 7):
    add(a=add(a=a, b=b).output, b=10.0)

client = kfp.Client(host="{url}")
client.create_run_from_pipeline_func(add_pipeline)
"""
_TRACKED = """\
import wandb

with wandb.init(project="first") as run:
    for step in range(100):
        run.log({{"loss": 1 / (step + 1)}})
"""
_FLOW = """\
# In a shell of root, as in containers, Metaflow wants a name: export METAFLOW_USER=you
from metaflow import FlowSpec, step

class HelloFlow(FlowSpec):
    @step
    def start(self):
        self.greeting = "hello"
        self.next(self.end)

    @step
    def end(self):
        print(self.greeting)

if __name__ == "__main__":
    HelloFlow()
"""


@dataclass(frozen=True, slots=True)
class Starter:
    """One way to begin."""

    title: str
    icon: str
    package: str
    """Of the client."""
    file: str
    """Name of the program; components need a file to be read from."""
    program: str
    arguments: str = ""

    @property
    def lines(self) -> str:
        """All of it, to be pasted into a shell."""
        return f"pip install {self.package}\ncat > {self.file} <<'END'\n{self.program}END\npython {self.file}{self.arguments}"


def folder_option(data_dir: Path, *, home: Path) -> str:
    """Return what `penstock env` and `penstock demo` need after them when the folder is not the one that they take by themselves."""
    return "" if data_dir == (home / ".penstock").resolve() else f" --data-dir {shlex.quote(str(data_dir))}"


def is_local(url: str) -> bool:
    """Whether `url` leads to the machine that the reader sits at."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def variable_lines(url: str, option: str, flows_prefix: str) -> str:
    """Return the lines for a shell that tell clients where to go.

    `option` is that of `folder_option`. On other machines the key, which is not known here, is three dots.
    """
    if is_local(url):
        return f'eval "$(penstock env{option})"'
    return (
        f"export KF_PIPELINES_ENDPOINT={url}\nexport WANDB_BASE_URL={url} WANDB_API_KEY=...\n"
        f"export METAFLOW_DEFAULT_METADATA=service METAFLOW_SERVICE_URL={url}/metaflow METAFLOW_SERVICE_AUTH_KEY=..."
        f" METAFLOW_UI_URL={url}/{flows_prefix}"
    )


def starters(url: str) -> Sequence[Starter]:
    """Return the starters for a server at `url`."""
    return (
        Starter("A pipeline", "pipeline", "kfp", "add_pipeline.py", _PIPELINE.format(url=url)),
        Starter("A tracked run", "chart", "wandb", "first_run.py", _TRACKED.format()),
        Starter("A flow", "flow", "metaflow", "hello_flow.py", _FLOW, " run"),
    )
