"""Training loops of Lightning, Keras and Hugging Face with their own W&B callbacks, unmodified.

They need PyTorch, which is too large to be installed for every run of the tests: `PENSTOCK_TEST_FRAMEWORKS` names the interpreter of an
environment that has `torch lightning transformers accelerate keras pillow wandb==0.31.0`; without it these tests are skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conformance.wandb.conftest import Client
from tests.support.server import LiveServer

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.slow,
    pytest.mark.skipif("PENSTOCK_TEST_FRAMEWORKS" not in os.environ, reason="PENSTOCK_TEST_FRAMEWORKS names no interpreter"),
]


@pytest.fixture
def trainer(wandb_server: LiveServer, tmp_path: Path) -> Client:
    """A client with the frameworks."""
    return Client(Path(os.environ["PENSTOCK_TEST_FRAMEWORKS"]), wandb_server, tmp_path)


@pytest.mark.parametrize("log", ["gradients", "parameters", "all", None])
def test_a_watched_model_logs_histograms_and_its_graph(trainer: Client, log: str | None) -> None:
    answer = trainer.run(
        f"""
import json, torch
run = wandb.init(id="watched")
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
run.watch(model, log={log!r}, log_freq=2, log_graph=True)
for _ in range(4):
    model(torch.rand(5, 4)).mean().backward()
    run.log({{"loss": 1}})
run.unwatch(model)
run.finish()
run = wandb.Api().run(PROJECT + "/watched")
rows = list(run.scan_history())
drawn = [key for key in rows[1] if key.startswith(("gradients/", "parameters/"))]
graph = run.summary["graph_0"]
nodes = json.load(run.file(graph["path"]).download(root="graph"))["nodes"]
answer = {{
    "kinds": sorted({{key.split("/")[0] for key in drawn}}), "layers": sorted({{key.split("/")[1] for key in drawn}}),
    "histograms": all(rows[1][key]["_type"] == "histogram" and sum(rows[1][key]["values"]) for key in drawn),
    "summary": all(run.summary[key]["_type"] == "histogram" for key in drawn), "graph": graph["_type"], "nodes": [node["name"] for node in nodes],
}}
"""
    )
    kinds = {None: [], "all": ["gradients", "parameters"]}.get(log, [log])
    layers = ["0.bias", "0.weight", "2.bias", "2.weight"] if log else []
    assert answer == {"kinds": kinds, "layers": layers, "histograms": True, "summary": True, "graph": "graph-file", "nodes": ["0", "1", "2"]}


def test_lightning_logs_steps_epochs_gradients_and_checkpoints(trainer: Client) -> None:
    answer = trainer.run(
        """
import lightning, torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger

class Line(lightning.LightningModule):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 1)
    def loss(self, batch):
        return ((self.layer(batch[0]) - batch[1]) ** 2).mean()
    def training_step(self, batch, index):
        loss = self.loss(batch)
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        return loss
    def validation_step(self, batch, index):
        self.log("val/loss", self.loss(batch))
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

torch.manual_seed(0)
x = torch.rand(64, 4)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8)
logger = WandbLogger(project=PROJECT.split("/")[1], id="lit", log_model="all", save_dir=".")
model = Line()
logger.watch(model, log="all", log_freq=2)
lightning.Trainer(max_epochs=3, logger=logger, log_every_n_steps=1, accelerator="cpu", enable_progress_bar=False,
                  callbacks=[ModelCheckpoint(monitor="val/loss", save_top_k=2)]).fit(model, data, data)
logger.log_image(key="picture", images=[torch.rand(8, 8, 3).numpy()])
logger.log_table(key="table", columns=["a"], data=[[1]])
wandb.finish()
run = wandb.Api().run(f"{PROJECT}/lit")
rows = list(run.scan_history())
def logged(key):
    return [row[key] for row in rows if row.get(key) is not None]
best = wandb.Api().artifact(f"{PROJECT}/model-lit:best", type="model")
kept = Line.load_from_checkpoint(os.path.join(best.download(), "model.ckpt"), weights_only=False)
answer = {"state": run.state, "lr": run.config["lr"], "steps": len(logged("train/loss_step")), "epochs": len(logged("val/loss")),
          "falls": logged("val/loss")[-1] < logged("val/loss")[0], "gradients": logged("gradients/layer.weight")[0]["_type"],
          "models": [entry.name for entry in run.logged_artifacts() if entry.type == "model"], "same": bool((kept.layer.weight == model.layer.weight).all()),
          "picture": logged("picture")[0]["_type"]}
""",
        OMP_NUM_THREADS="1",
    )
    assert answer == {
        "state": "finished", "lr": 0.1, "steps": 24, "epochs": 3, "falls": True, "gradients": "histogram",
        "models": ["model-lit:v0", "model-lit:v1", "model-lit:v2"], "same": True, "picture": "images/separated",
    }  # fmt: skip


def test_hugging_face_trainers_report_and_keep_their_model(trainer: Client) -> None:
    answer = trainer.run(
        """
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 16}
class Noise(torch.utils.data.Dataset):
    def __len__(self):
        return 32
    def __getitem__(self, number):
        return {"input_ids": torch.randint(0, 50, (8,)), "attention_mask": torch.ones(8, dtype=torch.long), "labels": torch.tensor(number % 2)}
arguments = TrainingArguments(output_dir="out", report_to="wandb", run_name="hf", num_train_epochs=2, per_device_train_batch_size=8,
                              logging_steps=1, eval_strategy="epoch", save_strategy="no", use_cpu=True, disable_tqdm=True)
Trainer(model=BertForSequenceClassification(BertConfig(vocab_size=50, **size)), args=arguments, train_dataset=Noise(), eval_dataset=Noise()).train()
name = wandb.run.id
wandb.finish()
run = wandb.Api().run(f"{PROJECT}/{name}")
rows = list(run.scan_history())
answer = {"state": run.state, "name": run.name, "hidden": run.config["hidden_size"], "losses": len([row for row in rows if row.get("train/loss")]),
          "evals": len([row for row in rows if row.get("eval/loss")]), "models": [sorted(entry.manifest.entries) for entry in run.logged_artifacts()][-1]}
""",
        OMP_NUM_THREADS="1",
        WANDB_LOG_MODEL="end",
    )
    assert answer == {
        "state": "finished", "name": "hf", "hidden": 16, "losses": 8, "evals": 2,
        "models": ["config.json", "model.safetensors", "model_architecture.txt", "training_args.bin"],
    }  # fmt: skip


def test_keras_callbacks_log_metrics_and_checkpoints(trainer: Client) -> None:
    """Keras over PyTorch; the callbacks import TensorFlow by name and ask of it no more than its `keras` and two types."""
    answer = trainer.run(
        """
import sys, types
os.environ["KERAS_BACKEND"] = "torch"
import keras, numpy as np
flow = types.ModuleType("tensorflow")
flow.keras = keras
for name in ("Variable", "Tensor"):
    setattr(flow, name, type(name, (), {}))
sys.modules |= {"tensorflow": flow, "tensorflow.keras": keras, "tensorflow.keras.callbacks": keras.callbacks}
from wandb.integration.keras import WandbMetricsLogger, WandbModelCheckpoint
for name in ("tensorflow", "tensorflow.keras", "tensorflow.keras.callbacks"):
    del sys.modules[name]  # Keras itself must not take it for the real one
x = np.random.default_rng(1).random((64, 4)).astype("float32")
with wandb.init(id="keras", config={"lr": 0.05}) as run:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse", metrics=["mae"])
    model.fit(x, x.sum(1), epochs=4, batch_size=16, validation_split=0.25, verbose=0,
              callbacks=[WandbMetricsLogger(log_freq="epoch"), WandbModelCheckpoint("models.keras")])
run = wandb.Api().run(f"{PROJECT}/keras")
rows = list(run.scan_history(keys=["epoch/epoch", "epoch/loss", "epoch/val_mae"]))
answer = {"state": run.state, "epochs": [row["epoch/epoch"] for row in rows], "falls": rows[-1]["epoch/loss"] < rows[0]["epoch/loss"],
          "models": [entry.name for entry in run.logged_artifacts()], "aliases": run.logged_artifacts()[3].aliases}
""",
        OMP_NUM_THREADS="1",
    )
    assert answer["epochs"] == [0, 1, 2, 3]
    assert (answer["state"], answer["falls"]) == ("finished", True)
    assert answer["models"] == [f"run_keras_model:v{number}" for number in range(4)]
    assert {"epoch_3", "latest"} <= set(answer["aliases"])
