"""What the commit of an artifact with many files costs: a manifest of N entries whose content is all there.

Run: `.venv/bin/python -m benchmarks.artifact_manifests [--entries 1000000]`. At the use case, in its own process, so that
peak memory is the commit's. CPU seconds are printed beside the clock, since they say more on a machine that does other things.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import resource
import tempfile
import time
from pathlib import Path

from penstock.domain.ids import Digest
from penstock.domain.versions import ManifestEntry, ManifestKind, NewVersion, StoredContent
from penstock.server.clock import SystemClock
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.manifests.index import LocalManifestIndex
from penstock.stores.sql.database import Database, open_database
from penstock.stores.sql.versions import SqlVersionStore
from penstock.tracking.artifacts import ArtifactService
from penstock.tracking.manifests import manifest_text

_PROJECT = 1
_BLOB = Digest("sha256:" + "1" * 64)
_BATCH = 20_000


def fill(database: Database, blobs: LocalBlobStore, service: ArtifactService, versions: SqlVersionStore, entries: int) -> int:
    """Make a pending version whose manifest and content have arrived; return its id."""
    database.write_sync(
        lambda tx: tx.execute(
            "INSERT INTO tracked_project (project_id, entity, name, created_at, updated_at) VALUES (?, 'ann', 'p', 1.0, 1.0)", (_PROJECT,)
        )
    )
    version_id = service.create(NewVersion(_PROJECT, "dataset", "many", "d", 1.0, "ann")).version_id
    digests = [hashlib.md5(str(number).encode(), usedforsecurity=False).digest() for number in range(entries)]
    for start in range(0, entries, _BATCH):
        part = digests[start : start + _BATCH]
        versions.add_content(_PROJECT, [StoredContent(digest.hex(), _BLOB, 7, version_id) for digest in part])
    sink = blobs.open_upload()
    listed = (
        ManifestEntry(f"images/train/{number:08d}.png", base64.b64encode(digest).decode(), 7, birth_id="QXJ0aWZhY3Q6MQ==")
        for number, digest in enumerate(digests)
    )
    for piece in manifest_text(listed):
        sink.write(piece)
    manifest = service.announce_manifest(version_id, "wandb_manifest.json", kind=ManifestKind.FULL)
    service.take_manifest(manifest.manifest_id, sink.finish())
    return version_id


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    entries: int = parser.parse_args().entries
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        database = open_database(f"sqlite:///{folder / 'p.db'}")
        blobs, versions = LocalBlobStore(folder / "blobs"), SqlVersionStore(database)
        service = ArtifactService(
            versions, blobs, LocalManifestIndex(folder / "manifests"), SystemClock(), version_of_birth_id=lambda wire_id: None
        )
        version_id = fill(database, blobs, service, versions, entries)
        before = resource.getrusage(resource.RUSAGE_SELF)
        clock, cpu = time.perf_counter(), time.process_time()
        service.commit(version_id)
        seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(
            f"commit of {entries:,} entries: {seconds:.1f} s, {cpu:.1f} s of CPU;"
            f" peak memory {before.ru_maxrss / 1024:.0f} MB before, {peak / 1024:.0f} MB after"
        )
        database.close()


if __name__ == "__main__":
    main()
