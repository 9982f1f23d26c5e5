"""Wiring of lineage: the graph over the database, manifests from the blob store, and who may see what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from starlette.requests import Request

from penstock.domain.errors import PenstockError
from penstock.domain.ids import Digest
from penstock.interfaces.blobs import BlobStore
from penstock.lineage.service import LISTED_FILES, LineageService, Readable
from penstock.stores.sql.database import Database
from penstock.stores.sql.lineage import SqlLineageStore
from penstock.tracking.artifacts import hex_md5
from penstock.tracking.manifests import read_entries
from penstock.web.tracking_services import TrackingServices, caller_of


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


def readable_of(tracking: TrackingServices) -> Callable[[Request], Readable]:
    """Return the function that says what the sender of a request may see."""

    def of_request(request: Request) -> Readable:
        caller = caller_of(tracking, request)
        return lambda entity: tracking.accounts.is_readable(caller, entity)

    return of_request
