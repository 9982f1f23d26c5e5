"""Steps that wait to be killed, or to be let go on: each writes its process id into a folder."""

import os
import pathlib
import time

from metaflow import FlowSpec, Parameter, current, retry, step


def stand(folder, name):
    """Write `<name>.pid`, wait for `<name>.go`."""
    place = pathlib.Path(folder)
    (place / (name + ".new")).write_text(str(os.getpid()))
    (place / (name + ".new")).rename(place / (name + ".pid"))
    print("standing at", name, flush=True)
    deadline = time.monotonic() + 300
    while not (place / (name + ".go")).exists() and time.monotonic() < deadline:
        time.sleep(0.1)


class FragileFlow(FlowSpec):
    """Two steps that stand still."""

    folder = Parameter("folder", default=".")

    @retry(times=1, minutes_between_retries=0)
    @step
    def start(self):
        if current.retry_count == 0:
            stand(self.folder, "first")
        self.tries = current.retry_count
        self.next(self.work)

    @step
    def work(self):
        stand(self.folder, "second")
        self.worked = True
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    FragileFlow()
