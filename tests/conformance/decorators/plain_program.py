"""Components that know nothing of W&B, with files, a folder, an import and a decorated one between them. Usage: plain_program.py URL."""

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")

from kfp import Client, dsl  # noqa: E402
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output  # noqa: E402
from wandb.integration.kfp import wandb_log  # noqa: E402


@dsl.component
def make(text: str, data: Output[Dataset]) -> int:
    with open(data.path, "w") as file:
        file.write(text)
    data.metadata["rows"] = 7
    return len(text)


@dsl.component
def train(data: Input[Dataset], model: Output[Model], metrics: Output[Metrics]):
    from pathlib import Path

    folder = Path(model.path)
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "w.bin").write_bytes(b"\1" * 1000)
    (folder / "config.json").write_text(Path(data.path).read_text())
    metrics.log_metric("f1", 0.5)


@dsl.component
def judge(data: Input[Dataset], model: Input[Model], remote: Input[Artifact]) -> float:
    from pathlib import Path

    return float((Path(model.path) / "weights" / "w.bin").stat().st_size)


@dsl.component
@wandb_log
def told(data: Input[Dataset], copy: Output[Dataset]):
    with open(copy.path, "w") as file:
        file.write("copied")


@dsl.component
def after(copy: Input[Dataset]):
    import sys

    with open(copy.path) as file:
        print(file.read())
    print("careful", file=sys.stderr)


@dsl.pipeline(name="plain-tasks")
def plain_tasks(text: str = "hello"):
    made = make(text=text)
    trained = train(data=made.outputs["data"])
    remote = dsl.importer(artifact_uri="https://example.com/file.bin", artifact_class=Artifact, reimport=True)
    judge(data=made.outputs["data"], model=trained.outputs["model"], remote=remote.output)
    copied = told(data=made.outputs["data"])
    after(copy=copied.outputs["copy"])


client = Client(host=sys.argv[1])
for text in ("first", "second"):
    started = client.create_run_from_pipeline_func(plain_tasks, arguments={"text": text}, enable_caching=False)
    deadline = time.monotonic() + 200
    while (run := client.get_run(started.run_id)).state not in ("SUCCEEDED", "FAILED", "CANCELED"):
        assert time.monotonic() < deadline, run.state
        time.sleep(0.2)
    assert run.state == "SUCCEEDED", str(run.error)
print("RESULT" + json.dumps({"run_id": run.run_id}))
