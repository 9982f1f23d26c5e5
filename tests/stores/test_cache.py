"""Results that may be reused, over a table with many of them."""

from __future__ import annotations

import msgspec
import pytest

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.execution import TaskOutputs
from penstock.domain.ids import ArtifactId, Digest
from penstock.interfaces.cache import CacheAnswer, CacheHitAnswer, CacheLookup, CacheMissAnswer
from penstock.stores.sql.cache import SqlTaskCache
from penstock.stores.sql.database import Database, Transaction

MANY = 2_000


def outputs(number: int) -> str:
    """What a task put out: one artifact of its own."""
    ref = ArtifactRef(ArtifactId(number), "model", ArtifactType("system.Model"), "minio://m", digest=Digest(f"sha256:{number:064x}"))
    return msgspec.json.encode(TaskOutputs(artifacts={"model": [ref]})).decode()


@pytest.fixture
def filled(database: Database) -> Database:
    """Two fingerprints, one with many results that are the newer the higher their number, one with a single result."""

    def work(tx: Transaction) -> None:
        rows = [("many", f"task-{number:05d}", f"run-{number}", outputs(number), float(number // 2)) for number in range(MANY)]
        tx.many(
            "INSERT INTO cache_entry (fingerprint, task_id, run_id, scope, component, parts, outputs, created_at)"
            " VALUES (?, ?, ?, 's', 'train', '{}', ?, ?)",
            [*rows, ("single", "task-x", "run-x", outputs(MANY), 1.0)],
        )

    database.write_sync(work)
    return database


async def asked(database: Database, *fingerprints: str, lost: tuple[int, ...] = ()) -> list[CacheAnswer]:
    """What is reused for these fingerprints when the contents with these numbers are gone."""
    gone = {f"sha256:{number:064x}" for number in lost}
    cache = SqlTaskCache(database, has=lambda digest: digest not in gone, miss_reason=lambda wanted, newest: "nothing alike")
    return await cache.look_up_many([CacheLookup(one, "s", "train", {}) for one in fingerprints], now=1e6)


async def test_the_newest_complete_result_of_each_fingerprint_is_found_in_the_order_asked(filled: Database) -> None:
    found = await asked(filled, "single", "unknown", "many", "many")
    assert [one.task_id if isinstance(one, CacheHitAnswer) else one.reason for one in found] == [
        "task-x", "nothing alike", f"task-{MANY - 2:05d}", f"task-{MANY - 2:05d}",
    ]  # fmt: skip
    (older,) = await asked(filled, "many", lost=(MANY - 1, MANY - 2))
    assert isinstance(older, CacheHitAnswer)
    assert older.task_id == f"task-{MANY - 4:05d}"
    assert older.run_name == "deleted"


async def test_only_a_few_results_are_tried_however_many_there_are(filled: Database) -> None:
    (found,) = await asked(filled, "many", lost=tuple(range(MANY - 10, MANY)))
    assert isinstance(found, CacheMissAnswer)
    assert found.reason == "artifact `model` of the earlier result no longer exists"


async def test_results_are_taken_from_an_index_in_their_order(filled: Database) -> None:
    if filled.dialect.name != "sqlite":
        pytest.skip("the planner of PostgreSQL chooses by what a table holds")
    from penstock.stores.sql.cache import _NEWEST

    steps = await filled.read(lambda tx: [row["detail"] for row in tx.all("EXPLAIN QUERY PLAN " + _NEWEST["sqlite"], {"asked": '["many"]'})])
    assert "SEARCH c USING COVERING INDEX cache_newest (fingerprint=?)" in steps
    assert not [step for step in steps if step.startswith("SCAN e")]
