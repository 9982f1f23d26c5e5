"""A card that its step refreshes: first before, then after a new component, each time waiting for a file to go on."""

import pathlib
import time

from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Markdown


def wait_for(path):
    """Return when the file is there."""
    deadline = time.monotonic() + 500
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


class LiveCardFlow(FlowSpec):
    """Refreshes."""

    folder = Parameter("folder", default=".")

    @card(type="blank", refresh_interval=0.1)
    @step
    def start(self):
        folder = pathlib.Path(self.folder)
        text = Markdown("first words")
        current.card.append(text)
        current.card.refresh()
        wait_for(folder / "seen-first")
        # A refresh that comes while the one before is still written is dropped by the client, so this one is repeated.
        while not (folder / "seen-second").exists():
            text.update("second words")
            current.card.refresh()
            time.sleep(0.3)
        current.card.append(Markdown("last words"))
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    LiveCardFlow()
