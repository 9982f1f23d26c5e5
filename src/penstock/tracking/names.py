"""Names that the server makes up: run ids and display names such as `happy-river-12`; and the rules for names that clients choose."""

from __future__ import annotations

import hashlib

from penstock.domain.errors import InvalidArgumentError

_FORBIDDEN = frozenset("/\\#?%:")
_MAX_RUN_NAME = 128
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 8
_MOODS = (
    "amber", "bold", "brisk", "bright", "calm", "clear", "clever", "cosmic", "crisp", "daily", "deep", "eager", "early", "fair", "fresh",
    "gentle", "glad", "golden", "good", "grand", "happy", "hearty", "honest", "jolly", "keen", "kind", "light", "lively", "lucky",
    "mellow",
    "mild", "neat", "noble", "northern", "open", "patient", "plain", "polar", "proud", "quick", "quiet", "rapid", "rare", "rosy", "royal",
    "serene", "sharp", "silent", "silver", "smooth", "snowy", "solar", "solid", "steady", "still", "sunny", "swift", "tidy", "true",
    "upbeat",
    "vivid", "warm", "wild", "wise",
)  # fmt: skip
_THINGS = (
    "anchor", "aurora", "bay", "beacon", "birch", "breeze", "bridge", "brook", "canyon", "cedar", "cloud", "comet", "cove", "creek",
    "dawn",
    "delta", "dune", "ember", "falcon", "fern", "field", "fjord", "forest", "garden", "glade", "grove", "harbor", "heron", "hill", "island",
    "lake", "lantern", "leaf", "maple", "marsh", "meadow", "mesa", "moon", "moss", "oak", "ocean", "orbit", "otter", "peak", "pebble",
    "pine",
    "plain", "pond", "prairie", "rain", "reef", "ridge", "river", "sea", "shore", "sky", "snow",
    "sparrow", "star", "stone", "stream", "tide",
    "valley", "wave",
)  # fmt: skip


def run_name_from(uuid: str) -> str:
    """Return an 8-character run id drawn from the random text `uuid`."""
    number = int.from_bytes(hashlib.sha256(uuid.encode()).digest()[:8], "big")
    digits = []
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)


def display_base_from(uuid: str) -> str:
    """Return two words drawn from the random text `uuid`: `happy-river`."""
    digest = hashlib.sha256(b"words:" + uuid.encode()).digest()
    return f"{_MOODS[digest[0] % len(_MOODS)]}-{_THINGS[digest[1] % len(_THINGS)]}"


def checked_run_name(name: str) -> str:
    r"""Return `name` if a run may be called so.

    Raises:
        InvalidArgumentError: empty, longer than 128 characters, or one of `/ \ # ? % :` in it (the SDK's own rule, wandb.md 6.1).
    """
    if not name.strip() or len(name) > _MAX_RUN_NAME:
        raise InvalidArgumentError(f"a run id has 1 to {_MAX_RUN_NAME} characters: {name[:200]!r}")
    if bad := sorted(_FORBIDDEN & set(name)):
        raise InvalidArgumentError(f"a run id must not contain {' '.join(bad)}: {name!r}")
    return name
