"""The iterations of a loop with the numbers that the tasks in them put out: three statements, whatever the loop."""

from __future__ import annotations

from typing import Any

from penstock.interfaces.pages import IterationItem
from penstock.stores.sql.database import Transaction
from penstock.stores.sql.json_columns import decode_object

_BELOW = "task.run_id = :run AND substr(task.path, 1, :length) = :prefix"


def iterations_of(tx: Transaction, run_id: str, path: str, limit: int) -> list[IterationItem]:
    """Return the iterations of the loop at `path` and of loops inside it, at most `limit`, in order."""
    prefix = f"{path}["
    params: dict[str, Any] = {"run": run_id, "prefix": prefix, "length": len(prefix), "limit": limit}
    rows = tx.all(
        f"SELECT task_id, path, iteration_index, state, started_at, finished_at, inputs FROM task WHERE {_BELOW}"
        " AND task.iteration_index IS NOT NULL AND task.type = 'ITERATION' ORDER BY task.position, task.iteration_index LIMIT :limit",
        params,
    )
    numbers = _numbers(tx, params)
    return [
        IterationItem(
            task_id=row["task_id"],
            path=row["path"],
            index=row["iteration_index"],
            state=row["state"],
            seconds=row["finished_at"] - row["started_at"] if row["finished_at"] and row["started_at"] else None,
            parameters=decode_object(row["inputs"]).get("parameters", {}),
            numbers=numbers.get(row["path"], {}),
        )
        for row in rows
    ]


def _numbers(tx: Transaction, params: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Numbers by the path of each iteration around the task that put them out."""
    found: dict[str, dict[str, float]] = {}
    metrics = tx.all(
        "SELECT task.path, run_metric.name, run_metric.number FROM run_metric JOIN task ON task.task_id = run_metric.task_id"
        f" WHERE run_metric.run_id = :run AND run_metric.number IS NOT NULL AND {_BELOW} ORDER BY task.position LIMIT :limit",
        params,
    )
    outputs = tx.all(
        f"SELECT task.path, task.display_name, task.outputs FROM task WHERE {_BELOW} AND task.type = 'RUNTIME'"
        " ORDER BY task.position LIMIT :limit",
        params,
    )
    for row in metrics:
        _note(found, row["path"], row["name"], row["number"])
    for row in outputs:
        for name, value in decode_object(row["outputs"]).get("parameters", {}).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                _note(found, row["path"], row["display_name"] if name == "Output" else name, float(value))
    return found


def _note(found: dict[str, dict[str, float]], path: str, name: str, number: float) -> None:
    while "[" in path:
        path = path[: path.rindex("]") + 1]
        found.setdefault(path, {}).setdefault(name, number)
        path = path[: path.rindex("[")]
