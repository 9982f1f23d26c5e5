"""Rules for names of collections, aliases and tags, and what `collection:alias` means."""

from __future__ import annotations

import re

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.versions import LATEST

_COLLECTION = re.compile(r"[^/\\#?%:\r\n]{1,128}")
_ALIAS = re.compile(r"[^/:\r\n]{1,128}")
_TAG = re.compile(r"[-\w]+( +[-\w]+)*")
_VERSION = re.compile(r"v\d+")
_MAX_TAG = 128


def check_collection_name(name: str) -> None:
    r"""Make sure that a collection may be called `name`.

    Raises:
        InvalidArgumentError: it is empty, too long, or has one of `/ \ # ? % :` in it.
    """
    if not _COLLECTION.fullmatch(name) or not name.strip():
        raise InvalidArgumentError(f"{name[:200]!r} cannot be the name of an artifact: 1 to 128 characters, none of / \\ # ? % :")


def check_alias(alias: str) -> None:
    """Make sure that `alias` can be given to a version.

    Raises:
        InvalidArgumentError: it is empty, too long, has `/` or `:` in it, or is a version number.
    """
    if not _ALIAS.fullmatch(alias):
        raise InvalidArgumentError(f"{alias[:200]!r} cannot be an alias: 1 to 128 characters, none of / :")
    if _VERSION.fullmatch(alias):
        raise InvalidArgumentError(f"{alias!r} cannot be an alias: names of this form are version numbers")


def check_tag(tag: str) -> None:
    """Make sure that `tag` can be given to a version or collection.

    Raises:
        InvalidArgumentError: it has other characters than letters, digits, `-`, `_` and spaces between words, or is too long.
    """
    if len(tag) > _MAX_TAG or not _TAG.fullmatch(tag):
        raise InvalidArgumentError(f"{tag[:200]!r} cannot be a tag: letters, digits, '-', '_' and single words separated by spaces")


def split_name(name: str) -> tuple[str, str]:
    """Return collection and alias of `collection:alias`; no alias means `latest`. Anything before the last `/` is dropped."""
    bare = name.rpartition("/")[2]
    collection, _, alias = bare.partition(":")
    return collection, alias or LATEST
