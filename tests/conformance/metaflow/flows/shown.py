"""A little of what pages show: a parameter, foreach, a task that is tried twice, both streams, a value."""

import sys

from metaflow import FlowSpec, Parameter, current, retry, step


class ShownFlow(FlowSpec):
    """Shows itself."""

    alpha = Parameter("alpha", default=0.5)

    @step
    def start(self):
        self.letters = ["a", "b"]
        self.next(self.work, foreach="letters")

    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        print("working on", self.input)
        print("a warning of", self.input, file=sys.stderr)
        if self.input == "b" and current.retry_count == 0:
            raise ValueError("b needs a second try")
        self.doubled = {"letters": [self.input] * 2}
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ShownFlow()
