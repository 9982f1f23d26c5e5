"""What the guide's tables say can be reached from inside: config, summary, artifacts by name; every kind with its switch on and off."""

import pathlib

import pandas as pd
import wandb
from metaflow import FlowSpec, Parameter, step
from sklearn.tree import DecisionTreeClassifier
from wandb.integration.metaflow import wandb_log


class GuidedFlow(FlowSpec):
    """Steps that differ in what they log."""

    rate = Parameter("rate", default=0.25)

    @wandb_log(datasets=True, models=True, others=True)
    @step
    def start(self):
        self.table = pd.DataFrame({"x": [1, 2, 3], "y": [0, 1, 1]})
        self.folder = pathlib.Path("parts")
        self.folder.mkdir(exist_ok=True)
        for name in ("a.txt", "b.txt"):
            (self.folder / name).write_text(name)
        self.tree = DecisionTreeClassifier(random_state=1).fit(self.table[["x"]], self.table["y"])
        self.moment = complex(1, 2)
        self.next(self.silent)

    @wandb_log
    @step
    def silent(self):
        self.seen_rate = wandb.config["rate"]
        self.quiet_table, self.quiet_tree, self.quiet_moment = self.table, self.tree, self.moment
        self.next(self.end)

    @wandb_log(datasets=True)
    @step
    def end(self):
        folder = wandb.use_artifact("table:latest").download()
        rows = pd.read_parquet(pathlib.Path(folder) / "table.parquet")
        wandb.run.log({"inside": 7})
        self.rows = len(rows) + wandb.run.summary["inside"]


if __name__ == "__main__":
    GuidedFlow()
