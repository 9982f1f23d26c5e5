"""The unmodified clients with the key of somebody who may only read: they read, and are told which role a change takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conformance.metaflow.machine import CLIENT, Machine
from tests.conformance.wandb.conftest import NEWEST, OLDEST, Client
from tests.support.clients import KFP_NEWEST, KFP_V1, client_environment, client_python, run_client
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance
REFUSAL = "this needs the role member; you have viewer"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("roles") / "data", env={"PENSTOCK_SERVER_USER": "tester"}) as running:
        yield running


def act(server: LiveServer, **fields: str) -> str:
    """Send the form of the page of users, as its owner does."""
    headers = {"origin": server.url, "accept": "text/html"}
    answer = httpx.post(f"{server.url}/ui/system/users/actions", data=fields, headers=headers, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture(scope="module")
def viewer(server: LiveServer) -> dict[str, str]:
    """What the page of users says that the clients of a viewer read."""
    act(server, verb="add", name="vera@example.org", role="viewer")
    page = act(server, verb="make-key", user="vera")
    return dict(re.findall(r"export (\w+)=(\S+?)(?=\n|<)", page))


PIPELINES = """
import json, sys
import kfp, kfp_server_api
URL, KEY, REFUSAL = sys.argv[1:]
client = kfp.Client(host=URL, existing_token=KEY)


def refused(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kfp_server_api.ApiException as error:
        assert error.status == 403, (error.status, error.body)
        assert REFUSAL in error.body, error.body
        return
    raise AssertionError("not refused")


open("adder.yaml", "w").write(PACKAGE)
refused(client.create_experiment, "mine")
refused(client.upload_pipeline, "adder.yaml", pipeline_name="adder")
assert client.list_experiments(page_size=10).experiments[0]
"""

V2 = """
from kfp import dsl, compiler

@dsl.component
def add(a: int) -> int:
    return a + 1

@dsl.pipeline(name="adder")
def adder(a: int = 1):
    add(a=a)

compiler.Compiler().compile(adder, "adder.yaml")
PACKAGE = open("adder.yaml").read()
"""

V2_CALLS = """
refused(client.create_run_from_pipeline_package, "adder.yaml", arguments={}, experiment_name="Default")
refused(client.terminate_run, "7")
refused(client.delete_recurring_run, "7")
assert client.list_runs().runs is None
"""

V1_CALLS = """
refused(client.delete_pipeline, "7")
refused(client.runs.terminate_run, "7")
refused(client.delete_job, "7")
assert client.list_runs().runs is None
"""


@pytest.mark.parametrize(("sdk", "calls"), [(KFP_NEWEST, V2_CALLS), (KFP_V1, V1_CALLS)], ids=["kfp 2", "kfp 1.8"])
def test_kfp_raises_403_with_the_role_that_is_needed(
    server: LiveServer, viewer: dict[str, str], tmp_path: Path, sdk: str, calls: str
) -> None:
    head = V2 if sdk == KFP_NEWEST else "PACKAGE = 'kind: Workflow'\n"
    environment = client_environment(HOME=str(tmp_path))
    words = (server.url, viewer["WANDB_API_KEY"], REFUSAL)
    done = run_client(client_python(sdk), head + PIPELINES + calls, *words, env=environment, cwd=tmp_path, timeout=240)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("release", [NEWEST, OLDEST], ids=["newest", "oldest"])
def test_wandb_reads_and_is_told_at_once_that_it_cannot_log(
    server: LiveServer, viewer: dict[str, str], tmp_path: Path, release: tuple[str, ...]
) -> None:
    owner = Client(client_python(*release), server, tmp_path, entity="crew")
    run_id = owner.run("""
with wandb.init(entity="crew", id="logged") as run:
    run.log({"loss": 0.5})
answer = run.id
""")
    answer = owner.run(
        f"""
api = wandb.Api()
seen = api.run(f"{{PROJECT}}/{run_id}")
answer = {{"viewer": api.viewer.username, "admin": api.viewer.admin, "loss": seen.summary["loss"]}}
try:
    wandb.init(entity="crew")
    answer["init"] = "started"
except Exception as error:
    answer["init"] = str(error)
try:
    seen.delete()
    answer["delete"] = "deleted"
except Exception as error:
    answer["delete"] = str(error)
""",
        WANDB_API_KEY=viewer["WANDB_API_KEY"],
    )
    assert (answer["viewer"], answer["admin"], answer["loss"]) == ("vera", False, 0.5)
    assert REFUSAL in answer["init"], answer["init"]
    assert answer["delete"] != "deleted"


def test_metaflow_reads_and_is_told_that_it_cannot_record(server: LiveServer, viewer: dict[str, str], tmp_path: Path) -> None:
    machine = Machine(server, tmp_path, client=CLIENT)
    machine.run("branches", "run")
    theirs = {name: value for name, value in viewer.items() if name.startswith(("METAFLOW_", "AWS_"))}
    seen = machine.read("flow = list(Metaflow())[0]\nout = [flow.id, flow.latest_run.successful, flow.latest_run.id]", **theirs)
    assert seen[1] is True
    said = machine.run("branches", "run", ok=False, **theirs)
    assert REFUSAL in said, said
    assert machine.read(f"out = len(list(Flow({seen[0]!r})))") == 1
