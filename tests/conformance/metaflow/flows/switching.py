"""A conditional step: records and runs with the client, is not deployable."""

from metaflow import FlowSpec, step


class SwitchingFlow(FlowSpec):
    """Goes one of two ways."""

    @step
    def start(self):
        self.next(self.choose)

    @step
    def choose(self):
        self.way = "left"
        self.next({"left": self.left, "right": self.right}, condition="way")

    @step
    def left(self):
        self.next(self.end)

    @step
    def right(self):
        self.next(self.end)

    @step
    def end(self):
        print("went", self.way)


if __name__ == "__main__":
    SwitchingFlow()
