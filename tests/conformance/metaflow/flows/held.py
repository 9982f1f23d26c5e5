from __future__ import annotations

import time
from pathlib import Path

from metaflow import FlowSpec, Parameter, step


class HeldFlow(FlowSpec):
    gate = Parameter("gate", default="")

    @step
    def start(self):
        Path(self.gate + ".begun").touch()
        while not Path(self.gate).exists():
            time.sleep(0.05)
        self.next(self.end)

    @step
    def end(self):
        self.ended = True


if __name__ == "__main__":
    HeldFlow()
