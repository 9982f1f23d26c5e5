"""Artifact manifests: read piece by piece, listed in pages, merged.

A manifest may hold a million entries, so it is never turned into one Python object: entries are read from the file one after the
other and kept in a `ManifestIndex`, which answers pages and names. The format is wandb.md section 12.3.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Any

import orjson

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.versions import ManifestEntry

_decoder = JSONDecoder()
_WINDOW = 1 << 18
_NUMBER = (int, float)
_SPACE = " \t\r\n"
_TRIES = 8
"""Commas at which a window may be cut before it is read value by value."""
_MAX_ITEM = 16 << 20
"""Longest key or entry; longer ones are no manifest's."""


def read_entries(chunks: Iterable[bytes]) -> Iterator[ManifestEntry]:
    """Yield the entries of a manifest file in the order in which they stand there; memory stays at one window.

    Raises:
        InvalidArgumentError: it is not a manifest, or an entry has no digest.
    """
    reader = _Reader(chunks)
    reader.expect("{")
    while reader.peek() != "}":
        key = reader.value()
        reader.expect(":")
        if key == "contents":
            yield from _contents(reader)
        elif key == "version" and (version := reader.value()) != 1:
            raise InvalidArgumentError(f"cannot read a manifest of version {version!r}")
        elif key != "version":
            reader.value()
        if reader.peek() == ",":
            reader.expect(",")


def _contents(reader: _Reader) -> Iterator[ManifestEntry]:
    reader.expect("{")
    while reader.peek() != "}":
        for path, value in reader.members():
            yield entry_from_json(path, value)
        if reader.peek() == "}":
            break
        path = reader.value()
        reader.expect(":")
        yield entry_from_json(path, reader.value())
        if reader.peek() == ",":
            reader.expect(",")
    reader.expect("}")


def entry_from_json(path: Any, value: Any) -> ManifestEntry:
    """Return one manifest entry.

    Raises:
        InvalidArgumentError: it has no digest, or its path would leave the artifact.
    """
    if not isinstance(path, str) or not isinstance(value, dict) or not isinstance(value.get("digest"), str):
        raise InvalidArgumentError(f"the manifest entry {str(path)[:200]!r} has no digest")
    if path.startswith("/") or "\x00" in path or (".." in path and ".." in path.split("/")):
        raise InvalidArgumentError(f"the manifest entry {path[:200]!r} leaves the artifact")
    size = value.get("size")
    extra = value.get("extra")
    return ManifestEntry(
        path=path,
        digest=value["digest"],
        size_bytes=int(size) if isinstance(size, _NUMBER) else None,
        ref=value.get("ref") or None,
        birth_id=value.get("birthArtifactID") or None,
        extra=extra if isinstance(extra, dict) else {},
    )


def manifest_text(entries: Iterable[ManifestEntry]) -> Iterator[bytes]:
    """Yield the manifest file of entries in the order given."""
    yield b'{"version":1,"storagePolicy":"wandb-storage-policy-v1","storagePolicyConfig":{"storageLayout":"V2"},"contents":{'
    separator = ""
    for entry in entries:
        value: dict[str, Any] = {"digest": entry.digest}
        if entry.birth_id:
            value["birthArtifactID"] = entry.birth_id
        if entry.ref:
            value["ref"] = entry.ref
        if entry.size_bytes is not None:
            value["size"] = entry.size_bytes
        if entry.extra:
            value["extra"] = entry.extra
        yield f"{separator}{json.dumps(entry.path)}:{json.dumps(value)}".encode()
        separator = ","
    yield b"}}"


class _Reader:
    """A cursor over JSON text that arrives in pieces."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._text = ""
        self._at = 0
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._is_over = False
        self._tries_left = 0

    def peek(self) -> str:
        """Return the next character that is no space."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                raise InvalidArgumentError("the manifest ends in the middle")

    def expect(self, character: str) -> None:
        """Step over `character`."""
        if self.peek() != character:
            raise InvalidArgumentError(f"the manifest is not a JSON object: {character!r} expected")
        self._at += 1

    def value(self) -> Any:
        """Return the JSON value that begins here and step over it."""
        self.peek()
        while True:
            # A value is only taken when something follows it in the window: a number might go on in the next chunk.
            try:
                value, end = _decoder.raw_decode(self._text, self._at)
                if end < len(self._text) or not self._fill():
                    self._at = end
                    return value
            except JSONDecodeError as error:
                if len(self._text) - self._at > _MAX_ITEM or not self._fill():
                    raise InvalidArgumentError(f"the manifest is not JSON: {error.msg}") from error

    def members(self) -> Iterator[tuple[str, Any]]:
        """Yield those members of the object around that stand whole in the window, as far as that is told at once; perhaps none.

        The text up to the last `},` of the window is decoded as an object of its own. When that comma is one inside a string or a
        nested value, what stands before it is no whole object and decoding fails; the one before is tried, a few times in each window,
        then the caller goes on value by value.
        """
        end = len(self._text)
        tries, self._tries_left = self._tries_left, 0
        for _ in range(tries):
            end = self._text.rfind("},", self._at, end)
            if end < 0:
                return
            try:
                found = orjson.loads("{" + self._text[self._at : end + 1] + "}")
            except (orjson.JSONDecodeError, UnicodeEncodeError):
                continue
            self._at = end + 2
            yield from found.items()
            return

    def _fill(self) -> bool:
        if self._is_over:
            return False
        # The window doubles with what is left in it, so that a long value is not decoded over and over.
        wanted = max(_WINDOW, len(self._text) - self._at)
        pieces = [self._text[self._at :]]
        got = 0
        try:
            for chunk in self._chunks:
                pieces.append(self._decode.decode(chunk))
                got += len(chunk)
                if got >= wanted:
                    break
            else:
                self._is_over = True
                pieces.append(self._decode.decode(b"", final=True))
        except UnicodeDecodeError as error:
            raise InvalidArgumentError("the manifest is not UTF-8") from error
        self._text = "".join(pieces)
        self._at = 0
        self._tries_left = _TRIES
        return got > 0
