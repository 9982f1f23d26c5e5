"""Cards, tags and artifacts of several types."""

from metaflow import FlowSpec, card, current, step
from metaflow.cards import Markdown


class CardsFlow(FlowSpec):
    """Two cards on one task."""

    @card(id="one", timeout=600)
    @card(type="blank", id="two", timeout=600)
    @step
    def start(self):
        self.number = 3
        self.mapping = {"k": [1, 2.5, None]}
        current.card["two"].append(Markdown("# Hello card"))
        print("to stdout")
        import sys

        print("to stderr", file=sys.stderr)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    CardsFlow()
