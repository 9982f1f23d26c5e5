"""The W&B tutorial's program for kfp 1.8: decorated components, a training loop, an op transformer. Usage: kfp18_program.py URL."""

import json
import os
import sys
import time
import warnings

warnings.simplefilter("ignore")

import kfp  # noqa: E402
from kfp import (
    components,
    dsl,
)
from kubernetes.client.models import V1EnvVar  # noqa: E402
from wandb.integration.kfp import wandb_log  # noqa: E402


@wandb_log
def add(a: float, b: float) -> float:
    return a + b


@wandb_log
def make_data(
    train_dataloader_path: components.OutputPath("dataloader"),
    test_dataloader_path: components.OutputPath("dataloader"),
):
    with open(train_dataloader_path, "w") as file:
        file.write("1,2,3")
    with open(test_dataloader_path, "w") as file:
        file.write("4")


@wandb_log
def train_model(
    train_dataloader_path: components.InputPath("dataloader"),
    test_dataloader_path: components.InputPath("dataloader"),
    model_path: components.OutputPath("pytorch_model"),
):
    import wandb

    data = open(train_dataloader_path).read().split(",")
    for epoch in range(2):
        for batch_idx, _ in enumerate(data):
            wandb.log({"epoch": epoch, "step": batch_idx * len(data), "loss": 1 / (1 + epoch + batch_idx)})
    with open(model_path, "w") as file:
        file.write("weights")


def scale(n: int, x: float, flag: bool, d: dict, text: str) -> float:
    return n * x


add = components.create_component_from_func(add)
scale = components.create_component_from_func(scale)
make_data = components.create_component_from_func(make_data)
train_model = components.create_component_from_func(train_model)


def add_wandb_env_variables(op):
    env = {"WANDB_API_KEY": os.getenv("WANDB_API_KEY"), "WANDB_BASE_URL": os.getenv("WANDB_BASE_URL")}
    if op.name == "add":  # as where the reader is signed in elsewhere and has set no address
        env = {"WANDB_API_KEY": "f" * 40, "WANDB_BASE_URL": None}
    for name, value in env.items():
        op = op.add_env_variable(V1EnvVar(name, value))
    return op


@dsl.pipeline(name="example-pipeline")
def example_pipeline(a: float = 1, b: float = 2):
    conf = dsl.get_pipeline_conf()
    conf.add_op_transformer(add_wandb_env_variables)
    scale(2, 0.5, True, {"k": [1]}, "b is %s" % b)
    add(a, b)
    data = make_data()
    train_model(data.outputs["train_dataloader"], data.outputs["test_dataloader"])


client = kfp.Client(host=sys.argv[1])
result = client.create_run_from_pipeline_func(example_pipeline, arguments={"a": 3, "b": 4})
while (client.get_run(result.run_id).run.status or "").lower() not in ("succeeded", "failed"):
    time.sleep(0.3)
run = client.get_run(result.run_id).run
print("RESULT" + json.dumps({"run_id": run.id, "status": run.status, "error": run.error, "name": run.name}))
