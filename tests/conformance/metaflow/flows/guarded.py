"""Secrets of the server in a step: all entries, some under other names, and what a step did not ask for."""

import os

from metaflow import FlowSpec, secrets, step
from metaflow.plugins.secrets import get_secret


class GuardedFlow(FlowSpec):
    """Reads secrets."""

    @secrets(sources=["penstock.lake", {"type": "penstock", "id": "mail.box", "options": {"keys": {"pass-word": "MAIL_PASSWORD"}}}])
    @step
    def start(self):
        self.lengths = {name: len(os.environ[name]) for name in ("LAKE_USER", "LAKE_PASSWORD", "MAIL_PASSWORD")}
        self.is_right = os.environ["LAKE_PASSWORD"] == "correct horse" and os.environ["MAIL_PASSWORD"] == "battery staple"
        print("the password is", os.environ["LAKE_PASSWORD"])
        try:
            self.other = get_secret("penstock.other")
        except Exception as error:
            self.other = str(error)
        self.next(self.end)

    @step
    def end(self):
        self.is_clean = "LAKE_PASSWORD" not in os.environ


if __name__ == "__main__":
    GuardedFlow()
