"""`@wandb_log` directly under `@dsl.component`, and a component without it. Usage: kfp2_program.py URL."""

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")

from kfp import Client, dsl  # noqa: E402
from kfp.dsl import Dataset, Input, Metrics, Model, Output  # noqa: E402
from wandb.integration.kfp import wandb_log  # noqa: E402


@dsl.component
@wandb_log
def prepare(n: int, data: Output[Dataset]) -> int:
    with open(data.path, "w") as file:
        file.write("x" * n)
    return n * 2


@dsl.component
@wandb_log
def train(data: Input[Dataset], lr: float, model: Output[Model]) -> float:
    import wandb

    for step in range(5):
        wandb.log({"loss": 1 / (step + 1)})
    with open(model.path, "w") as file:
        file.write("weights")
    return 0.9


@dsl.component
def plain(score: float, metrics: Output[Metrics]) -> str:
    metrics.log_metric("accuracy", score)
    for i in range(3):
        print("scored", i)
    return "done"


@dsl.pipeline(name="decorated")
def decorated(n: int = 3):
    made = prepare(n=n)
    trained = train(data=made.outputs["data"], lr=0.1)
    plain(score=trained.outputs["Output"])


client = Client(host=sys.argv[1])
result = client.create_run_from_pipeline_func(decorated, arguments={})
while (run := client.get_run(result.run_id)).state not in ("SUCCEEDED", "FAILED"):
    time.sleep(0.3)
print("RESULT" + json.dumps({"run_id": run.run_id, "status": run.state, "error": str(run.error), "name": run.display_name}))
