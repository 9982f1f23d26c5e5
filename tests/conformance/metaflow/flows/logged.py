"""`@wandb_log` on a flow with an override on one step: parameters, plain types, datasets, models, and what is never logged."""

import pathlib

import pandas as pd
from metaflow import FlowSpec, Parameter, step
from sklearn.linear_model import LinearRegression
from wandb.integration.metaflow import wandb_log


@wandb_log(datasets=True, models=True)
class LoggedFlow(FlowSpec):
    """Class decoration, and one step that overrides it."""

    rate = Parameter("rate", default=0.25)
    title = Parameter("title", default="plain")

    @step
    def start(self):
        accuracy = 0.5
        frame = pd.DataFrame({"local": [1]})
        self.raw_df = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 6.0]})
        source = pathlib.Path("numbers.csv")
        source.write_text("x,y\n1,2\n")
        self.source_file = source
        self.model = LinearRegression().fit(self.raw_df[["x"]], self.raw_df["y"])
        self.count, self.ratio, self.is_good, self.word = 3, accuracy + len(frame) * 0.25, True, "hello"
        self.names, self.mapping, self.unique = ["a", "b"], {"k": 1}, {7}
        self.next(self.mid)

    @step
    def mid(self):
        self.score = float(self.model.score(self.raw_df[["x"]], self.raw_df["y"]))
        self.seen = self.source_file.name
        self.next(self.end)

    @wandb_log(datasets=False, models=False)
    @step
    def end(self):
        self.silent_df = pd.DataFrame({"x": [1]})
        self.rows = len(self.raw_df)


if __name__ == "__main__":
    LoggedFlow()
