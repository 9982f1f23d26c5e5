"""Files and directories in object stores that are not this server's own."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from penstock.domain.errors import UnavailableError


class RemoteFiles(Protocol):
    """Blocking interface; callers run it in threads."""

    def knows(self, uri: str) -> bool:
        """Whether `uri` is of a kind of store that can be fetched from once this server has access to it."""
        ...

    def obstacle(self, uri: str) -> str:
        """Return why this server cannot fetch `uri`, with what helps, as the end of a sentence; empty when it has all it needs."""
        ...

    def fetch(self, uri: str, target: Path) -> None:
        """Make `target` the object that `uri` names, or the directory of the objects below it; safe to repeat.

        Raises:
            NotFoundError: there is neither.
            UnavailableError: the store refused, or could not be reached; the message names the URI.
        """
        ...


class NoRemoteFiles:
    """Knows no store."""

    def knows(self, uri: str) -> bool:
        """Return False."""
        del uri
        return False

    def obstacle(self, uri: str) -> str:
        """Return that there is no way."""
        return no_way(uri)

    def fetch(self, uri: str, target: Path) -> None:
        """Raise: see `RemoteFiles.fetch`."""
        del target
        raise UnavailableError(f"{uri} could not be fetched: {no_way(uri)}")


def no_way(uri: str) -> str:
    """Return the obstacle for a kind of store that nothing here can read."""
    return f"the server reads no {uri.partition('://')[0]}:// storage"
