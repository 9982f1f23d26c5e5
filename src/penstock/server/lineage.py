"""Wiring of lineage: the graph over the database, manifests from the blob store, and who may see what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from penstock.domain.errors import PenstockError
from penstock.domain.ids import Digest
from penstock.interfaces.blobs import BlobStore
from penstock.lineage.service import LISTED_FILES, LineageService
from penstock.stores.sql.database import Database
from penstock.stores.sql.lineage import SqlLineageStore
from penstock.tracking.artifacts import hex_md5
from penstock.tracking.manifests import read_entries


def build_lineage(database: Database, blobs: BlobStore) -> LineageService:
    """Return the use cases of lineage."""

    def entries(manifest: Digest) -> Iterator[str]:
        for entry in islice(read_entries(blobs.read(manifest)), LISTED_FILES):
            if entry.ref is None:
                yield hex_md5(entry.digest)

    def contents(manifests: Sequence[Digest]) -> Sequence[Sequence[str]]:
        found = []
        for manifest in manifests:
            try:
                found.append(list(entries(manifest)))
            except PenstockError:  # the manifest's blob is gone: the version has no readable contents
                found.append([])
        return found

    return LineageService(SqlLineageStore(database), contents)
