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
    import datetime, json, os, subprocess, sys, threading, time, uuid
    from urllib.parse import urlsplit

    import boto3
    from botocore.config import Config

    settings = json.loads(__SETTINGS__)
    given = __GIVEN__
    run_id, task_id = os.environ["KFP_RUN_ID"], os.environ["KFP_POD_NAME"]
    # Attempts that `@retry` does not count: of the run before it was retried, and those lost with their machine. Metaflow keeps what an
    # attempt said first, so each has a number of its own; where its six numbers do not suffice, the step goes on as another task.
    earlier, retry = int(os.environ.get("METAFLOW_PENSTOCK_EARLIER", "0")), int(os.environ.get("KFP_RETRY_INDEX", "0"))
    params_id = task_id + "-params"
    is_first = earlier + retry == 0
    if earlier + settings["attempts"] > 6:
        task_id, earlier = task_id + "-" + str(earlier), 0
    env = dict(os.environ, PENSTOCK_FLOW_RUN=run_id, PENSTOCK_FLOW_TASK=task_id, PENSTOCK_FLOW_PARAMS=params_id)
    env.update(PENSTOCK_FLOW_ATTEMPT=str(earlier + retry), PENSTOCK_FLOW_RETRIES=str(earlier + settings["retries"]))
    if is_first:
        env["PENSTOCK_FLOW_FIRST"] = "1"
    env.update(settings["post_extract"], PYTHONUNBUFFERED="x")
    address = urlsplit(settings["code_url"])
    # Some ten tries are about a minute: the server may be starting anew.
    patience = Config(retries={"max_attempts": 10, "mode": "standard"})
    client = boto3.client("s3", endpoint_url=os.environ["METAFLOW_S3_ENDPOINT_URL"], config=patience)
    client.download_file(address.netloc, address.path.lstrip("/"), "job.tar")
    for command in settings["extract"]:
        subprocess.run(command if isinstance(command, list) else ["sh", "-c", command], check=True)

    paths = given.pop("paths", None) or [given[name] for name in sorted(given) if name.startswith("input_") and given[name]]
    if not paths:
        for name, value in given.items():
            if value is not None and name.startswith(settings["parameter"]):
                env["METAFLOW_INIT_" + name[len(settings["parameter"]):].upper()] = str(value)
        env["PENSTOCK_FLOW_INIT"] = "1"
        paths = [run_id + "/_parameters/" + params_id]
    with open("input-paths", "w") as file:
        file.write(",".join(paths))
    if given.get("split_index") is not None:
        env["PENSTOCK_FLOW_SPLIT"] = str(int(given["split_index"]))

    # Both streams go to the task's own log and, in Metaflow's form, to the datastore: now and then while the step runs, and at its end.
    root = urlsplit(settings["root"])
    words = [root.path.strip("/"), settings["flow"], run_id, settings["step"], task_id, env["PENSTOCK_FLOW_ATTEMPT"] + ".task_"]
    place, kept, ended = "/".join(words), {}, threading.Event()
    os.makedirs(".logs", exist_ok=True)
    os.makedirs(".metaflow", exist_ok=True)  # else the client of `--environment=pypi` says in each log that it makes it

    def carry(pipe, shown, name):
        with open(".logs/" + name, "ab", buffering=0) as log:
            for line in pipe:
                at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                log.write(("[MFLOG|0|%s|task|%s]" % (at, uuid.uuid4())).encode() + line)
                shown.write(line.decode("utf-8", "replace"))
                shown.flush()

    def keep():
        for name in ("stdout", "stderr"):
            path = ".logs/" + name
            size = os.path.getsize(path) if os.path.exists(path) else 0
            if kept.get(name) != size:
                client.upload_file(path, root.netloc, place + name + ".log")
                kept[name] = size

    def keep_often():
        began = time.monotonic()
        while not ended.wait(min(30, 1 + (time.monotonic() - began) / 20)):
            try:
                keep()
            except Exception:
                pass  # the next time, or the last one, does it

    step = subprocess.Popen(["bash", "-c", settings["script"]], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    pairs = ((step.stdout, sys.stdout, "stdout"), (step.stderr, sys.stderr, "stderr"))
    carriers = [threading.Thread(target=carry, args=pair, daemon=True) for pair in pairs]
    keeper = threading.Thread(target=keep_often, daemon=True)
    for thread in (*carriers, keeper):
        thread.start()
    code = step.wait()
    code = 128 - code if code < 0 else code  # bash hands its place to a script of one command, so a signal is not always its 128 + number
    ended.set()
    for thread in (*carriers, keeper):
        thread.join(30)  # a process that the step left behind may hold its streams open for ever
    try:
        keep()
    except Exception as error:
        print("the log could not be kept in the datastore:", error, file=sys.stderr)
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
