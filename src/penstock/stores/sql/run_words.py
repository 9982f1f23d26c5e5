"""Free words in lists of runs, of executions and of stored artifacts: both names of a pipeline hold them, see `pipeline_titles`.

SQLite asks its trigram index when few runs hold a word, and reads newest first when many do, as a page then fills soon; PostgreSQL decides
that itself. The runs of pipelines that people named otherwise count among them.
"""

from __future__ import annotations

from penstock.interfaces.pages import Condition
from penstock.stores.sql.page_filters import FEW, Where
from penstock.stores.sql.pipeline_titles import named_otherwise


def require_run_word(where: Where, text: str) -> None:
    """Require a free word in the name of a run, in a name of its pipeline, or as the start of its id."""
    pipelines = _pipelines(where, text)
    ids, more = where.few_runs(text), _few_runs_of(where, pipelines)
    if ids is None or more is None:
        where.add(f"({where.worded(text, 'run.name', 'run.pipeline_name', id_column='run.run_id')}{_or_of(where, pipelines)})")
        return
    where.among("run.run_id", list(dict.fromkeys([*ids, *more])))


def require_task_word(where: Where, text: str) -> None:
    """Require a free word in the name of an execution, in the name of its run or of the pipeline of that, or as the start of its id.

    Few runs with the word are found first: then an execution is judged by what its index has, without a look at its run.
    """
    pipelines = _pipelines(where, text)
    ids, more = where.few_runs(text), _few_runs_of(where, pipelines)
    if ids is None or more is None:
        found = where.worded(text, "task.display_name", "run.name", "run.pipeline_name", id_column="task.task_id")
        where.add(f"({found}{_or_of(where, pipelines)})")
        return
    found = where.worded(text, "task.display_name", id_column="task.task_id")
    where.add(f"({found} OR task.run_id IN ({where.listed(list(dict.fromkeys([*ids, *more])))}))")


def artifact_of_word(where: Where, text: str) -> str:
    """SQL: an artifact is of a run whose pipeline people gave a name that holds a free word; empty where none has one."""
    pipelines = _pipelines(where, text)
    if not pipelines:
        return ""
    few = _few_runs_of(where, pipelines)
    if few is not None:
        return f"artifact.run_id IN ({where.listed(few)})"
    return f"EXISTS (SELECT 1 FROM run WHERE run.run_id = artifact.run_id AND run.pipeline_id IN ({where.listed(pipelines)}))"


def _pipelines(where: Where, text: str) -> list[str]:
    return named_otherwise(where, Condition("pipeline", ":", text))


def _few_runs_of(where: Where, pipelines: list[str]) -> list[str] | None:
    """Ids of the runs of pipelines; None when they are not few."""
    if not pipelines:
        return []
    asked = Where(where.tx, now=where.now)
    asked.among("pipeline_id", pipelines)
    rows = where.tx.all(f"SELECT run_id FROM run {asked.sql()} LIMIT {FEW + 1}", asked.params)
    return [row["run_id"] for row in rows] if len(rows) <= FEW else None


def _or_of(where: Where, pipelines: list[str]) -> str:
    return f" OR run.pipeline_id IN ({where.listed(pipelines)})" if pipelines else ""
