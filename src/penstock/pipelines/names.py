"""Rules for names and tags that people choose.

Semantics: kfp protocol notes, section 2.5 (limits), checked at the use case so that every protocol obeys them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from penstock.domain.errors import InvalidArgumentError

MAX_TAGS = 20
MAX_TAG_LENGTH = 63
MAX_NAMESPACE = 63
_SUFFIX_LENGTH = 5
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Letters and digits that Kubernetes uses in generated names."""
_SCHEDULE_WORD = 25


def check_name(name: str, *, label: str, limit: int) -> None:
    """Require a name of 1 to `limit` characters without control characters.

    Raises:
        InvalidArgumentError: names the field.
    """
    if not name.strip():
        raise InvalidArgumentError(f"{label} must not be empty")
    if len(name) > limit:
        raise InvalidArgumentError(f"{label} is longer than {limit} characters")
    if any(ord(character) < 32 for character in name):
        raise InvalidArgumentError(f"{label} holds a control character")


def check_namespace(namespace: str) -> None:
    """Require a namespace of at most 63 characters.

    Raises:
        InvalidArgumentError: it is longer.
    """
    if len(namespace) > MAX_NAMESPACE:
        raise InvalidArgumentError(f"namespace is longer than {MAX_NAMESPACE} characters")


def check_tags(tags: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags; at most 20, keys and values of at most 63 characters, no dot in a key.

    Raises:
        InvalidArgumentError: names the tag.
    """
    if len(tags) > MAX_TAGS:
        raise InvalidArgumentError(f"tags: at most {MAX_TAGS} are allowed, got {len(tags)}")
    for key, value in tags.items():
        if not isinstance(value, str):
            raise InvalidArgumentError(f"tags: the value of {key!r} has to be a string")
        if not key or len(key) > MAX_TAG_LENGTH or len(value) > MAX_TAG_LENGTH:
            raise InvalidArgumentError(f"tags: key and value of {key[:80]!r} take 1 to {MAX_TAG_LENGTH} characters")
        if "." in key:
            raise InvalidArgumentError(f"tags: the key {key!r} must not contain a dot")
    return {key: str(value) for key, value in tags.items()}


def name_suffix(seed: str) -> str:
    """Return the five characters that end a generated name; the same for the same seed, so that nothing is named twice."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    letters = []
    for _ in range(_SUFFIX_LENGTH):
        number, index = divmod(number, len(_SUFFIX_ALPHABET))
        letters.append(_SUFFIX_ALPHABET[index])
    return "".join(letters)


def scheduled_workflow_name(schedule: str, recurring_run_id: str, index: int) -> str:
    """Return the name of a schedule's run number `index` (from 1) where its definition is an Argo workflow.

    Semantics: upstream's `toSWFCRDResourceGeneratedName` and `ScheduledWorkflow.NextResourceName`: the schedule's name in lower case
    without what a resource name may not hold, at most 25 characters; five characters of its own; index; 32-bit FNV-1a of what is before.
    """
    word = re.sub("[^a-z0-9-]+", "", schedule.lower())[:_SCHEDULE_WORD] or "job-"
    name = f"{word}{name_suffix(recurring_run_id)}-{index}"
    digest = 0x811C9DC5
    for byte in name.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{name}-{digest}"
