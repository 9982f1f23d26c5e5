"""What stands between programs and the client: plots and callbacks of frameworks, and sweeps that the client itself controls."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.wandb.conftest import Client
from tests.support.clients import client_python
from tests.support.server import LiveServer

pytestmark = pytest.mark.conformance

_EXTRAS = ("wandb[sweeps]==0.31.0", "numpy", "pandas<3", "scikit-learn", "setuptools<81", "xgboost-cpu", "lightgbm")


@pytest.fixture
def rich_client(wandb_server: LiveServer, tmp_path: Path) -> Client:
    """The newest client with what its integrations need."""
    return Client(client_python(*_EXTRAS), wandb_server, tmp_path)


def test_scikit_learn_plots_are_tables_and_charts(rich_client: Client) -> None:
    answer = rich_client.run(
        """
import json
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
data, labels = load_iris(return_X_y=True)
model = LogisticRegression(max_iter=500).fit(data, labels)
names = ["a", "b", "c"]
with wandb.init(id="sk") as run:
    wandb.sklearn.plot_confusion_matrix(labels, model.predict(data), names)
    wandb.sklearn.plot_roc(labels, model.predict_proba(data), names)
    wandb.sklearn.plot_precision_recall(labels, model.predict_proba(data), names)
    wandb.sklearn.plot_summary_metrics(model, data, labels, data, labels)
run = wandb.Api().run(f"{PROJECT}/sk")
tables = [entry for entry in run.logged_artifacts() if entry.type == "run_table"]
matrix = next(entry for entry in tables if "confusion_matrix" in entry.name)
name = next(name for name in matrix.manifest.entries if name.endswith(".table.json"))
with open(matrix.get_entry(name).download()) as file:
    rows = json.load(file)["data"]
answer = {"tables": len(tables), "counted": sum(row[-1] for row in rows),
          "charts": len(run.rawconfig["_wandb"].get("visualize", {}))}
"""
    )
    assert answer["tables"] == 4
    assert answer["charts"] == 2
    assert answer["counted"] == 150


def test_callbacks_of_boosting_frameworks_log_every_round(rich_client: Client) -> None:
    answer = rich_client.run(
        """
import lightgbm, numpy as np, xgboost
from wandb.integration.lightgbm import log_summary, wandb_callback
from wandb.integration.xgboost import WandbCallback
noise = np.random.default_rng(1)
x = noise.random((200, 4))
y = (x[:, 0] > 0.5).astype(int)
with wandb.init(id="xgb") as run:
    data = xgboost.DMatrix(x, y)
    xgboost.train({"objective": "binary:logistic", "max_depth": 2}, data, num_boost_round=6, evals=[(data, "train")],
                  callbacks=[WandbCallback(log_model=True)], verbose_eval=False)
with wandb.init(id="lgbm") as run:
    data = lightgbm.Dataset(x, y)
    model = lightgbm.train({"objective": "binary", "verbose": -1, "min_data_in_leaf": 5}, data, num_boost_round=6, valid_sets=[data],
                           valid_names=["train"], callbacks=[wandb_callback()])
    log_summary(model, save_model_checkpoint=True)
answer = {}
for name in ("xgb", "lgbm"):
    run = wandb.Api().run(f"{PROJECT}/{name}")
    [metric] = [key for key in next(iter(run.scan_history())) if "logloss" in key]
    losses = [row[metric] for row in run.scan_history(keys=[metric])]
    answer[name] = {"rounds": len(losses), "falls": losses[-1] < losses[0], "config": bool(run.config),
                    "models": [entry.type for entry in run.logged_artifacts() if entry.type == "model"]}
""",
        OMP_NUM_THREADS="1",
    )
    expected = {"rounds": 6, "falls": True, "config": True, "models": ["model"]}
    assert answer == {"xgb": expected, "lgbm": expected}


def test_a_sweep_that_the_client_controls(rich_client: Client) -> None:
    answer = rich_client.run(
        """
import threading
config = {"controller": {"type": "local"}, "method": "grid", "metric": {"name": "loss", "goal": "minimize"},
          "parameters": {"x": {"values": [1, 2, 3]}}}
name = PROJECT.split("/")[1]
sweep_id = wandb.sweep(config, project=name)
controller = wandb.controller(sweep_id, entity="tester", project=name)
def control():
    while not controller.done():
        controller.step()
        over.wait(0.2)
        if over.is_set():
            return
over = threading.Event()
thread = threading.Thread(target=control, daemon=True)
thread.start()
def train():
    with wandb.init() as run:
        run.log({"loss": run.config.x * 2})
wandb.agent(sweep_id, train, count=3, project=name)
over.set()
thread.join()
runs = list(wandb.Api().sweep(f"{PROJECT}/{sweep_id}").runs)
answer = sorted((run.config["x"], run.summary["loss"]) for run in runs)
"""
    )
    assert answer == [[1, 2], [2, 4], [3, 6]]
