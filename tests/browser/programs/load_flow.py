"""A flow for pictures: it fits the load of a day by several smoothings, keeps the best, and tells about it on a card."""

import math
import random

from metaflow import FlowSpec, Parameter, card, current, retry, step
from metaflow.cards import Markdown, ProgressBar, Table


class LoadForecastFlow(FlowSpec):
    """Forecasts the load of the grid from its last days."""

    days = Parameter("days", default=14, help="how many days to look back")
    limit = Parameter("limit", default=9.0, help="highest error that may be published")

    @step
    def start(self):
        """Read the hours of the last days."""
        rng = random.Random(int(self.days))
        self.hours = [40 + 15 * math.sin((hour % 24 - 6) / 24 * 2 * math.pi) + rng.gauss(0, 4) for hour in range(24 * int(self.days))]
        print(f"read {len(self.hours)} hours")
        self.next(self.weather, self.fit_all)

    @retry(times=2, minutes_between_retries=0)
    @step
    def weather(self):
        """Fetch what the weather was."""
        if current.retry_count == 0:
            raise ConnectionError("the weather service did not answer")
        self.degrees = [round(8 + 6 * math.sin(hour / 24 * 2 * math.pi), 1) for hour in range(24)]
        self.next(self.publish)

    @step
    def fit_all(self):
        self.smoothings = [0.1, 0.3, 0.5, 0.8]
        self.next(self.fit, foreach="smoothings")

    @step
    def fit(self):
        """Fit one exponential smoothing."""
        self.smoothing = self.input
        level, errors = self.hours[0], []
        for load in self.hours[1:]:
            errors.append((load - level) ** 2)
            level += self.smoothing * (load - level)
        self.error = math.sqrt(sum(errors) / len(errors))
        print(f"smoothing {self.smoothing}: error {self.error:.3f}")
        self.next(self.choose)

    @step
    def choose(self, inputs):
        """Keep the best."""
        self.errors = {str(one.smoothing): round(one.error, 3) for one in inputs}
        self.best = min(self.errors, key=self.errors.get)
        self.next(self.publish)

    @card(type="blank", timeout=600)
    @step
    def publish(self, inputs):
        """Tell how good it is; refuse what is not good enough."""
        self.errors, self.best = inputs.choose.errors, inputs.choose.best
        current.card.append(Markdown(f"# Load forecast\n\nThe best smoothing is **{self.best}**, with an error of {self.errors[self.best]} MW."))
        current.card.append(Table([[name, f"{error} MW"] for name, error in self.errors.items()], headers=["Smoothing", "Error"]))
        current.card.append(ProgressBar(max=100, label="share of hours within 10 MW", value=84))
        if self.errors[self.best] > self.limit:
            raise ValueError(f"an error of {self.errors[self.best]} MW is above the limit of {self.limit} MW")
        self.next(self.end)

    @step
    def end(self):
        print("published smoothing", self.best)


if __name__ == "__main__":
    LoadForecastFlow()
