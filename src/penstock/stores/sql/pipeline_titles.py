"""What runs call their pipeline: the name that people gave to it, else that of its definition (`run.pipeline_name`).

The second one is kept with each run and has indexes; the first is found by the pipeline. So a filter first asks which pipelines bear the
name although their definition does not, mostly none.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.interfaces.pages import Condition
from penstock.stores.sql.page_filters import Where

TITLE = "COALESCE((SELECT display_name FROM pipeline WHERE pipeline.pipeline_id = run.pipeline_id), run.pipeline_name)"
"""SQL of what a row of `run` shows as its pipeline."""
_MOST = 1_000
"""Pipelines that are named otherwise and bear one name, or have one text in theirs."""


def require_pipeline(where: Where, condition: Condition, narrow: Callable[[str, Condition], None]) -> None:
    """Require a pipeline: to be called what the value says (`=`), not to be (`!=`), or to have it in the one name or the other (`:`).

    Args:
        where: to what it is added; the table `run` must be there.
        condition: of the filter bar.
        narrow: requires a text column of the run by an index, where there is one.
    """
    if condition.operator == "!=":
        where.text(TITLE, condition)
        return
    otherwise = named_otherwise(where, condition)
    if not otherwise:
        narrow("run.pipeline_name", condition)
    elif condition.operator == ":":
        where.add(f"({where.contains('run.pipeline_name', condition.value)} OR {_is_one_of(where, otherwise)})")
    else:
        where.add(f"(run.pipeline_name = {where.bind(condition.value)} OR {_is_one_of(where, otherwise)})")
    if condition.operator == "=":
        where.text(TITLE, condition)


def _is_one_of(where: Where, ids: list[str]) -> str:
    return f"run.pipeline_id IN ({where.listed(ids)})"


def named_otherwise(where: Where, condition: Condition) -> list[str]:
    """Pipelines that are called what the condition says, whose newest run has another name of its definition."""
    inner = Where(where.tx, now=where.now)
    inner.text("pipeline.display_name", condition)
    newest = [
        f"(SELECT run.pipeline_name FROM run WHERE run.pipeline_id = pipeline.pipeline_id AND run.storage_state = '{state}' "
        "ORDER BY run.created_at DESC LIMIT 1)"
        for state in ("AVAILABLE", "ARCHIVED")
    ]
    inner.add(f"COALESCE({', '.join(newest)}) <> pipeline.display_name")
    rows = where.tx.all(f"SELECT pipeline_id FROM pipeline {inner.sql()} LIMIT {_MOST}", inner.params)
    return [row["pipeline_id"] for row in rows]
