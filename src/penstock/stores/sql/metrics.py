"""Scalar metrics in SQL (`interfaces.metric_store.MetricStore`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.domain.ids import RunId
from penstock.domain.metrics import RunMetric
from penstock.stores.sql.database import Database, Transaction


class SqlMetricStore:
    """Table `run_metric`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_runs(self, run_ids: Sequence[RunId]) -> Mapping[RunId, Sequence[RunMetric]]:
        """See `MetricStore.of_runs`."""
        if not run_ids:
            return {}

        def work(tx: Transaction) -> dict[RunId, list[RunMetric]]:
            marks = ", ".join("?" for _ in run_ids)
            rows = tx.all(
                "SELECT run_id, task_id, name, number, format FROM run_metric"
                f" WHERE run_id IN ({marks}) AND number IS NOT NULL ORDER BY run_id, name, task_id",
                list(run_ids),
            )
            found: dict[RunId, list[RunMetric]] = {}
            for row in rows:
                metric = RunMetric(RunId(row["run_id"]), row["task_id"], row["name"], row["number"], row["format"])
                found.setdefault(metric.run_id, []).append(metric)
            return found

        return await self._database.read(work)

    async def report(self, metrics: Sequence[RunMetric]) -> Sequence[bool]:
        """See `MetricStore.report`."""

        def work(tx: Transaction) -> list[bool]:
            return [
                bool(
                    tx.execute(
                        "INSERT INTO run_metric (run_id, task_id, name, number, format) VALUES (:run, :task, :name, :number, :format)"
                        " ON CONFLICT (run_id, task_id, name) DO NOTHING",
                        {
                            "run": metric.run_id,
                            "task": metric.task_id,
                            "name": metric.name,
                            "number": metric.number,
                            "format": metric.format,
                        },
                    )
                )
                for metric in metrics
            ]

        return await self._database.write(work)
