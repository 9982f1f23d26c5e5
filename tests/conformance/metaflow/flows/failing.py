"""Fails in the middle until a marker file exists; for resume."""

import os

from metaflow import FlowSpec, step


class FailingFlow(FlowSpec):
    """Resumable."""

    @step
    def start(self):
        self.made = 41
        self.next(self.middle)

    @step
    def middle(self):
        if not os.path.exists(os.environ["MARKER"]):
            raise ValueError("no marker yet")
        self.made += 1
        self.next(self.end)

    @step
    def end(self):
        print("made", self.made)


if __name__ == "__main__":
    FailingFlow()
