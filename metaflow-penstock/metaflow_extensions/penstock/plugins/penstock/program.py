"""The program of a step's task: unpack the flow's code, run the step, tell its path. Text, because it runs where only its text is."""

from __future__ import annotations

import json
from typing import Any, Dict

_PROGRAM = '''
import kfp
from kfp import dsl
from kfp.dsl import *
from typing import *

def flow_step(__SIGNATURE__) -> NamedTuple("Outputs", path=str, splits=list, next=str):
    """Run one step of a deployed Metaflow flow."""
    import json, os, subprocess, sys
    from urllib.parse import urlsplit

    import boto3

    settings = json.loads(__SETTINGS__)
    given = __GIVEN__
    run_id, task_id = os.environ["KFP_RUN_ID"], os.environ["KFP_POD_NAME"]
    retry = os.environ.get("KFP_RETRY_INDEX", "0")
    env = dict(os.environ, PENSTOCK_FLOW_RUN=run_id, PENSTOCK_FLOW_TASK=task_id, KFP_RETRY_INDEX=retry)
    env.update(settings["post_extract"])
    os.makedirs(".logs", exist_ok=True)
    address = urlsplit(settings["code_url"])
    client = boto3.client("s3", endpoint_url=os.environ["METAFLOW_S3_ENDPOINT_URL"])
    client.download_file(address.netloc, address.path.lstrip("/"), "job.tar")
    for command in settings["extract"]:
        subprocess.run(command if isinstance(command, list) else ["sh", "-c", command], check=True)

    paths = given.pop("paths", None) or [given[name] for name in sorted(given) if name.startswith("input_") and given[name]]
    if not paths:
        for name, value in given.items():
            if value is not None:
                env["METAFLOW_INIT_" + name.upper()] = str(value)
        env["PENSTOCK_FLOW_INIT"] = "1"
        paths = [run_id + "/_parameters/" + task_id + "-params"]
    with open("input-paths", "w") as file:
        file.write(",".join(paths))
    if given.get("split_index") is not None:
        env["PENSTOCK_FLOW_SPLIT"] = str(int(given["split_index"]))
    code = subprocess.run(["bash", "-c", settings["script"]], env=env).returncode
    if code:
        sys.exit(code)

    path = run_id + "/" + settings["step"] + "/" + task_id
    answer = None
    if settings["question"]:
        asked = "import json; from metaflow import Task, namespace; namespace(None); task = Task(%r); print('ANSWER' + json.dumps(%s))"
        said = subprocess.run(
            [sys.executable, "-c", asked % (settings["flow"] + "/" + path, settings["question"])],
            env=env, stdout=subprocess.PIPE, text=True, check=True,
        ).stdout
        answer = json.loads(said.rsplit("ANSWER", 1)[1])
    splits = answer if isinstance(answer, list) else list(range(answer)) if isinstance(answer, int) else []
    return NamedTuple("Outputs", path=str, splits=list, next=str)(path, splits, answer if isinstance(answer, str) else "")
'''

QUESTIONS = {
    "foreach": "task['_foreach_num_splits'].data",
    "split-switch": "task['_transition'].data[0][0]",
    "parallel": "list(task['_control_mapper_tasks'].data)",
}
"""What is asked of a step's finished task, by kind of step: number of splits, step chosen, paths of nodes."""


def program_of(settings: Dict[str, Any]) -> str:
    """Return the program with its settings; signature and inputs are still open."""
    return _PROGRAM.replace("__SETTINGS__", repr(json.dumps(settings)))
