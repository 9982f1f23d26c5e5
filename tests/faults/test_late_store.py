"""A step of a deployed flow that begins while the server starts anew: it waits for its code instead of failing."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
from pathlib import Path

import pytest

from tests.conformance.metaflow.machine import Machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.faults, pytest.mark.conformance, pytest.mark.timeout(600)]

_PROGRAM = Path(__file__).parents[2] / "metaflow-penstock/metaflow_extensions/penstock/plugins/penstock/program.py"
# The program is text within a component: the SDK is there when it runs, and nothing of it is used by the step itself.
_SDK = "import sys, types\nsys.modules['kfp'] = kfp = types.ModuleType('kfp')\nsys.modules['kfp.dsl'] = kfp.dsl = types.ModuleType('kfp.dsl')\n"
_PUT = "import boto3, os\nboto3.client('s3', endpoint_url=os.environ['METAFLOW_S3_ENDPOINT_URL']).put_object(Bucket={!r}, Key='code.tar', Body=b'code\\n')"


def program(bucket: str) -> str:
    spec = importlib.util.spec_from_file_location("program", _PROGRAM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    settings = {
        "code_url": f"s3://{bucket}/code.tar", "root": f"s3://{bucket}/flows", "flow": "LateFlow", "step": "start", "script": "cat job.tar", "question": "",
        "extract": [], "post_extract": {}, "attempts": 1, "retries": 0, "parameter": "p_",
    }  # fmt: skip
    text: str = module.program_of(settings)
    return _SDK + text.replace("__SIGNATURE__", "").replace("__GIVEN__", "{}") + "\nprint(flow_step().path)\n"


def test_a_step_that_begins_while_the_server_starts_anew_waits_for_its_code(tmp_path: Path) -> None:
    with LiveServer(tmp_path / "data") as server:
        machine = Machine(server, tmp_path / "machine")
        bucket = machine.env["METAFLOW_DATASTORE_SYSROOT_S3"].removeprefix("s3://").partition("/")[0]
        subprocess.run([machine.python, "-c", _PUT.format(bucket)], env=machine.env, check=True)
        server.kill()
        with socket.create_server(("127.0.0.1", server.port)) as place:
            env = {**machine.env, "KFP_RUN_ID": "r1", "KFP_POD_NAME": "t1"}
            step = subprocess.Popen(
                [machine.python, "-c", program(bucket)], cwd=machine.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            place.accept()[0].close()  # it has asked for its code, and nobody was there
        server.start()
        assert Machine.finish(step).split() == ["code", "r1/start/t1"]
