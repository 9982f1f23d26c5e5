"""The file of a flow in the code packages that runs keep: a gzipped tar archive in the datastore, named by its digest.

A package comes from a client, so it is hostile: it is decompressed up to a limit, nothing of it is written or run, and one file is read.
"""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.flows.reading import MAX_VALUE_BYTES, gunzip
from penstock.interfaces.flow_files import DatastoreRoot, FlowFiles

MAX_SOURCE_BYTES = 1024 * 1024
_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class CodePlace:
    """Where the code of a run is."""

    root: DatastoreRoot
    flow_id: str
    sha: str
    script: str
    """File of the flow, as named in the package."""


class FlowCode:
    """Reads code packages."""

    def __init__(self, files: FlowFiles) -> None:
        self._files = files

    def sources(self, places: Sequence[CodePlace]) -> dict[CodePlace, str]:
        """Texts of the flows' files; those that cannot be read from here are left out. Blocking; each package is read once."""
        wanted = [place for place in dict.fromkeys(places) if _SHA.fullmatch(place.sha)]
        paths = [(place.root, f"{place.flow_id}/data/{place.sha[:2]}/{place.sha}") for place in wanted]
        found = {}
        for place, data in zip(wanted, self._files.read_all(paths, limit=MAX_VALUE_BYTES), strict=True):
            source = None if data is None else source_in(data, place.script)
            if source is not None:
                found[place] = source
        return found


def source_in(package: bytes, script: str) -> str | None:
    """Text of the file `script` in a package, None when it is not there, too large, or the package is damaged."""
    try:
        with tarfile.open(fileobj=io.BytesIO(gunzip(package)), mode="r:") as archive:
            for member in archive:
                if member.name.removeprefix("./") == script and member.isreg():
                    file = archive.extractfile(member) if member.size <= MAX_SOURCE_BYTES else None
                    return None if file is None else file.read(MAX_SOURCE_BYTES).decode("utf-8", "replace")
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError):
        return None
    return None
