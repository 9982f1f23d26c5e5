"""Trials of a sweep that are tasks of a pipeline lead to its run and say how much of it was reused."""

from __future__ import annotations

from pathlib import Path

import httpx

from penstock.domain.tracking import RunChange
from penstock.server.app import build_app, build_parts
from penstock.server.config import Settings
from penstock.stores.sql.database import Transaction

URL = "http://127.0.0.1:8080"


def seed(tx: Transaction) -> None:
    """A sweep with a trial that is a task of a pipeline's run, and one that is not."""
    project = tx.all("SELECT project_id FROM tracked_project WHERE name = 'digits'")[0]["project_id"]
    config = "method: grid\nparameters: {lr: {values: [1, 2]}}\n"
    tx.execute(
        "INSERT INTO sweep (project_id, name, config, method, state, created_at, updated_at) VALUES (?, 'abc', ?, 'grid', 'RUNNING', 1, 1)",
        (project, config),
    )
    tx.execute("UPDATE tracked_run SET sweep = 'abc'")
    tx.execute("UPDATE tracked_run SET pipeline_run_id = 'run-1', task_id = 'task-2' WHERE name = 'inside'")
    tx.execute(
        "INSERT INTO run (run_id, kind, name, state, created_at, scheduled_at) VALUES ('run-1', 'kfp', 'nightly search', 'RUNNING', 1, 1)"
    )
    for number, is_cached in ((1, 1), (2, 0), (3, 1)):
        tx.execute(
            "INSERT INTO task (task_id, run_id, execution_id, path, task_key, display_name, type, state, created_at, is_cached)"
            " VALUES (?, 'run-1', ?, 'a', 'a', 'a', 'RUNTIME', 'SUCCEEDED', 1, ?)",
            (f"task-{number}", number, is_cached),
        )
    tx.execute("UPDATE run SET task_count = 3, cached_count = 2 WHERE run_id = 'run-1'")


async def test_a_trial_leads_to_its_pipeline_run_with_what_was_reused(tmp_path: Path) -> None:
    parts = build_parts(Settings(data_dir=tmp_path, server_user="boss"), url=URL)
    await parts.tracking.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=build_app(parts)), base_url=URL) as http:
        for name in ("inside", "alone"):
            await parts.tracking.runs.upsert("boss", "digits", name, RunChange(display_name=name, config='{"lr": {"value": 1}}'))
        parts.database.write_sync(seed)
        page = (await http.get("/boss/digits/sweeps/abc", headers={"accept": "text/html"})).text
        config = "method: grid\nmetric: {name: loss, goal: minimize}\nparameters: {lr: {values: [1, 2]}}\n"
        parts.database.write_sync(lambda tx: tx.execute("UPDATE sweep SET config = ?", (config,)))
        drawn = (await http.get("/boss/digits/sweeps/abc", headers={"accept": "text/html"})).text
        korean = (await http.get("/boss/digits/sweeps/abc", headers={"accept": "text/html", "cookie": "penstock_lang=ko"})).text
    assert page.count('href="/ui/runs/run-1"') == 1
    assert "Parallel coordinates" in page
    assert "Parallel coordinates" not in korean
    assert "nightly search" in page
    assert "2/3</span>" in page
    assert drawn.count('id="sweep-board"') == drawn.count("The numbers are in the table of trials.") == 1
    await parts.tracking.stop()
    parts.database.close()
