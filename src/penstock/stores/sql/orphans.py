"""`interfaces.housekeeping.OrphanStore` in SQL: contents whose first version was deleted, and who may still need them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from penstock.domain.ids import Digest
from penstock.domain.versions import ContentKey
from penstock.interfaces.housekeeping import LivingManifest, Orphans
from penstock.stores.sql.database import Database, Transaction

_IN_TRASH = "EXISTS (SELECT 1 FROM trash_item t WHERE t.kind = 'version' AND t.subject = CAST(v.version_id AS TEXT))"
_ORPHANS = (
    "SELECT c.project_id, c.md5 FROM project_content c LEFT JOIN artifact_version v ON v.version_id = c.birth_version_id"
    f" WHERE v.version_id IS NULL OR (v.state = 'DELETED' AND v.updated_at < :before AND NOT {_IN_TRASH}) LIMIT :limit"
)
_LIVING = (
    "SELECT v.version_id, v.project_id, v.manifest_digest FROM artifact_version v"
    f" WHERE v.manifest_digest IS NOT NULL AND (v.state <> 'DELETED' OR {_IN_TRASH}) ORDER BY v.version_id"
)
_ON_THEIR_WAY = "SELECT 1 FROM artifact_version WHERE state = 'PENDING' AND created_at >= :before LIMIT 1"


class SqlOrphanStore:
    """Reads in one snapshot; changes only what is as it was then."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def orphans(self, *, before: float, limit: int) -> Orphans:
        """See `OrphanStore.orphans`."""

        def work(tx: Transaction) -> Orphans:
            state = _state(tx)
            if tx.one(_ON_THEIR_WAY, {"before": before}) is not None:
                return Orphans((), (), before, state)
            contents = [ContentKey(row["project_id"], row["md5"]) for row in tx.all(_ORPHANS, {"before": before, "limit": limit})]
            living = tx.all(_LIVING) if contents else []
            manifests = [LivingManifest(row["version_id"], row["project_id"], Digest(row["manifest_digest"])) for row in living]
            return Orphans(contents, manifests, before, state)

        return self._database.read_sync(work)

    def settle(self, orphans: Orphans, *, unused: Collection[ContentKey], heirs: Mapping[ContentKey, int]) -> int:
        """See `OrphanStore.settle`."""

        def work(tx: Transaction) -> int:
            if _state(tx) != orphans.state or tx.one(_ON_THEIR_WAY, {"before": orphans.before}) is not None:
                return 0
            tx.many("DELETE FROM project_content WHERE project_id = ? AND md5 = ?", [(key.project_id, key.md5) for key in unused])
            tx.many(
                "UPDATE project_content SET birth_version_id = ? WHERE project_id = ? AND md5 = ?",
                [(heir, key.project_id, key.md5) for key, heir in heirs.items()],
            )
            return len(unused)

        return self._database.write_sync(work)


def _state(tx: Transaction) -> tuple[object, ...]:
    """What changes with every version that comes, goes or is committed."""
    row = tx.one(
        "SELECT COUNT(*) AS n, MAX(version_id) AS newest, MAX(committed_at) AS committed, MAX(updated_at) AS at FROM artifact_version"
    )
    return () if row is None else tuple(row[name] for name in ("n", "newest", "committed", "at"))
