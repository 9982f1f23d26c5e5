"""A table that a pipeline reads, or one that a pipeline made."""

import pandas as pd
import wandb
from metaflow import FlowSpec, Parameter, step
from wandb.integration.metaflow import wandb_log


class FramesFlow(FlowSpec):
    """Makes a table, or takes the one of `source`."""

    source = Parameter("source", default="")

    @wandb_log(datasets=True)
    @step
    def start(self):
        if self.source:
            folder = wandb.use_artifact(self.source).download()
            self.total = int(pd.read_parquet(f"{folder}/frame.parquet")["y"].sum())
        else:
            self.frame = pd.DataFrame({"x": range(50), "y": [number * number for number in range(50)]})
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    FramesFlow()
