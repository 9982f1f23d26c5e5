"""`TaskCache` on SQL: finds earlier results by fingerprint and explains misses.

Semantics: KFP protocol notes, section 7. Deviation: a hit requires that the bytes of every output artifact still exist
(upstream never checks); with an older result complete and the newest one not, the older one is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from penstock.domain.execution import TaskOutputs
from penstock.domain.ids import Digest, RunId, TaskId
from penstock.interfaces.cache import CacheAnswer, CacheHitAnswer, CacheLookup, CacheMissAnswer
from penstock.stores.sql.artifact_notes import ended_artifacts
from penstock.stores.sql.database import Database, Row, Transaction
from penstock.stores.sql.journal_rows import outputs_from_text

_CANDIDATES = 4
"""Results per fingerprint that are tried before giving up."""
_ORDERED = f"WHERE c.fingerprint = asked.value ORDER BY c.created_at DESC, c.task_id LIMIT {_CANDIDATES}"
_COLUMNS = "SELECT e.fingerprint, e.task_id, e.run_id, e.outputs, e.created_at, run.name AS run_name FROM"
_REST = "LEFT JOIN run ON run.run_id = e.run_id ORDER BY e.fingerprint, e.created_at DESC, e.task_id"
_NEWEST = {
    "sqlite": f"{_COLUMNS} json_each(:asked) AS asked"
    f" JOIN cache_entry e ON e.rowid IN (SELECT c.rowid FROM cache_entry c {_ORDERED}) {_REST}",
    "postgresql": f"{_COLUMNS} jsonb_array_elements_text(CAST(:asked AS jsonb)) AS asked(value)"
    f" CROSS JOIN LATERAL (SELECT c.* FROM cache_entry c {_ORDERED}) e {_REST}",
}
"""By dialect."""
_USUAL = (
    "SELECT component, run_id, AVG(finished_at - started_at) AS seconds FROM task WHERE run_id IN"
    " (SELECT run_id FROM run WHERE pipeline_name = :name ORDER BY created_at DESC LIMIT 20)"
    " AND type IN ('RUNTIME', 'IMPORTER') AND is_cached = 0 AND state = 'SUCCEEDED' AND finished_at >= started_at"
    " GROUP BY component, run_id"
)

MissReason = Callable[[dict[str, str], dict[str, str] | None], str]
"""`(wanted parts, parts of the newest result of the component or None) -> sentence` (`engine.cache_key.miss_reason`)."""


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Server-wide rules."""

    is_enabled: bool = True
    max_age_seconds: float | None = None
    """Expiry of every result; None: they keep."""


class SqlTaskCache:
    """Earlier results in table `cache_entry`."""

    def __init__(
        self, database: Database, *, has: Callable[[Digest], bool], miss_reason: MissReason, settings: CacheSettings | None = None
    ) -> None:
        """Look up in `database`.

        Args:
            database: where entries are.
            has: whether a blob exists (`BlobStore.has`); called from a reader thread.
            miss_reason: words for a miss.
            settings: server-wide rules.
        """
        self._database = database
        self._has = has
        self._miss_reason = miss_reason
        self._settings = settings or CacheSettings()

    async def look_up_many(self, lookups: Sequence[CacheLookup], *, now: float) -> list[CacheAnswer]:
        """Answer every question, in order."""
        if not self._settings.is_enabled:
            return [CacheMissAnswer("the cache is switched off on this server")] * len(lookups)
        return await self._database.read(lambda tx: self._answer(tx, lookups, now))

    async def usual_seconds(self, pipeline_name: str) -> Mapping[str, float]:
        """See `TaskCache.usual_seconds`; of a component that a run executed often, its mean in that run."""
        rows = await self._database.read(lambda tx: tx.all(_USUAL, {"name": pipeline_name}))
        found: dict[str, list[float]] = {}
        for row in rows:
            found.setdefault(row["component"], []).append(row["seconds"])
        return {component: median(seconds) for component, seconds in found.items()}

    def _answer(self, tx: Transaction, lookups: Sequence[CacheLookup], now: float) -> list[CacheAnswer]:
        found = _candidates(tx, {lookup.fingerprint for lookup in lookups})
        newest = _newest_parts(tx, lookups)
        known: dict[str, tuple[CacheAnswer | None, str | None]] = {}
        present: dict[Digest, bool] = {}
        parsed = {row["outputs"]: outputs_from_text(row["outputs"]) for rows in found.values() for row in rows}
        ended = ended_artifacts(tx, (ref.artifact_id for outputs in parsed.values() for refs in outputs.artifacts.values() for ref in refs))
        answers: list[CacheAnswer] = []
        for lookup in lookups:
            oldest = self._oldest(lookup, now)
            key = f"{lookup.fingerprint}:{oldest}"
            if key not in known:
                known[key] = self._pick(found.get(lookup.fingerprint, []), parsed, oldest, present, ended)
            hit, problem = known[key]
            answers.append(hit or CacheMissAnswer(problem or self._explain(lookup, newest)))
        return answers

    def _oldest(self, lookup: CacheLookup, now: float) -> float:
        ages = [age for age in (lookup.max_age_seconds, self._settings.max_age_seconds) if age is not None]
        return now - min(ages) if ages else float("-inf")

    def _pick(
        self, rows: list[Row], parsed: Mapping[str, TaskOutputs], oldest: float, present: dict[Digest, bool], ended: Collection[int]
    ) -> tuple[CacheAnswer | None, str | None]:
        """Return the newest complete result, or what is wrong with the newest one."""
        problem: str | None = None
        for row in rows:
            if row["created_at"] < oldest:
                problem = problem or "the earlier result is too old"
                break
            outputs = parsed[row["outputs"]]
            if over := next((name for name, refs in outputs.artifacts.items() for ref in refs if ref.artifact_id in ended), None):
                problem = problem or f"artifact `{over}` of the earlier result was deleted, or its time to live has passed"
                continue
            missing = next((name for name, digest in _digests(outputs) if not self._is_present(digest, present)), None)
            if missing is None:
                run_name = row["run_name"] or "deleted"
                return CacheHitAnswer(TaskId(row["task_id"]), RunId(row["run_id"]), run_name, outputs), None
            problem = problem or f"artifact `{missing}` of the earlier result no longer exists"
        return None, problem

    def _is_present(self, digest: Digest, present: dict[Digest, bool]) -> bool:
        if digest not in present:
            present[digest] = self._has(digest)
        return present[digest]

    def _explain(self, lookup: CacheLookup, newest: dict[tuple[str, str], dict[str, str]]) -> str:
        return self._miss_reason(dict(lookup.parts), newest.get((lookup.scope, lookup.component)))


def _candidates(tx: Transaction, fingerprints: Iterable[str]) -> dict[str, list[Row]]:
    """Newest results per fingerprint, newest first; index `cache_newest` has them, however many there are."""
    found: dict[str, list[Row]] = {}
    asked = json.dumps(sorted(fingerprints))
    for row in tx.all(_NEWEST[tx.dialect.name], {"asked": asked}):
        found.setdefault(row["fingerprint"], []).append(row)
    return found


def _newest_parts(tx: Transaction, lookups: Sequence[CacheLookup]) -> dict[tuple[str, str], dict[str, str]]:
    """Parts of the newest result of each component asked about, for the reason of a miss."""
    sql = "SELECT parts FROM cache_entry WHERE scope = ? AND component = ? ORDER BY created_at DESC LIMIT 1"
    newest: dict[tuple[str, str], dict[str, str]] = {}
    for key in {(lookup.scope, lookup.component) for lookup in lookups}:
        row = tx.one(sql, key)
        if row is not None:
            newest[key] = json.loads(row["parts"])
    return newest


def _digests(outputs: TaskOutputs) -> Iterable[tuple[str, Digest]]:
    for name, refs in outputs.artifacts.items():
        for ref in refs:
            if ref.digest is not None:
                yield name, ref.digest
