"""What a step's own W&B variables mean: a key of another place is replaced by the task's, an address of another place is left alone.

Tutorials hand `os.getenv("WANDB_API_KEY")` to every step, which is the key of the reader's account elsewhere. Clients send it to this
server when no address was handed on with it, and would be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from penstock.domain.execution import LaunchRequest
from penstock.tracking.task_keys import TaskKeys

KEY, ADDRESS = "WANDB_API_KEY", "WANDB_BASE_URL"
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class StepKeys:
    """Settles the variables of an attempt."""

    url: str
    """Of this server, as tasks reach it."""
    keys: TaskKeys
    is_valid: Callable[[str], bool]
    """Whether a text is a key of this server."""

    def __call__(self, request: LaunchRequest, variables: Mapping[str, str]) -> tuple[Mapping[str, str], str]:
        """Return secret variables that go over those of the step, and a warning or nothing.

        Args:
            request: the attempt.
            variables: all that its process would get.
        """
        address, key = variables.get(ADDRESS, ""), variables.get(KEY, "")
        if address and not _is_same(address, self.url):
            return {}, f"{ADDRESS} of this task is {address}: what wandb logs in it goes there and is not tracked here"
        own = self.keys.key_of(request.key.task_id)
        if key in {"", own} or self.is_valid(key):
            return {}, ""
        return {KEY: own}, f"{KEY} of this task is no key of this server: the task is tracked with a key of its own"


def _is_same(address: str, url: str) -> bool:
    """Whether two addresses mean one server; loopback has several names."""
    try:
        one, other = urlsplit(address), urlsplit(url)
        same_port = one.port == other.port
    except ValueError:
        return False
    names = {one.hostname, other.hostname}
    return same_port and (len(names) == 1 or names <= _THIS_MACHINE)
