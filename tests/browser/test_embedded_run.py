"""The W&B run of a kfp 1.8 step, shown in the Visualizations tab of its node, made by the real clients."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.clients import KFP_V1, client_environment, client_python, run_client
from tests.support.server import LiveServer

_PROGRAM = """
import os, sys
import kfp
from kfp import components, dsl
from kubernetes.client.models import V1EnvVar
from wandb.integration.kfp import wandb_log

@wandb_log
def add(a: float, b: float) -> float:
    import wandb
    for step in range(3):
        wandb.log({"progress": step * a})
    return a + b

add = components.create_component_from_func(add)

def add_wandb_env_variables(op):
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL"):
        op = op.add_env_variable(V1EnvVar(name, os.getenv(name)))
    return op

@dsl.pipeline(name="embedded")
def embedded(a: float = 1, b: float = 7):
    dsl.get_pipeline_conf().add_op_transformer(add_wandb_env_variables)
    add(a, b)

print("RUN", kfp.Client(host=sys.argv[1]).create_run_from_pipeline_func(embedded, arguments={"a": 20}).run_id)
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="kfp 1.8 and its wandb need an interpreter up to 3.11 for quick wheels")
def test_a_steps_tracked_run_is_embedded_in_its_node(chromium: Browser, live_server: LiveServer, tmp_path: Path) -> None:
    python = client_python(KFP_V1, "wandb==0.24.2", "setuptools<81")
    # Neither address nor key is set where the program runs, so the transformer hands on variables without a value.
    done = run_client(python, _PROGRAM, live_server.url, env=client_environment(HOME=str(tmp_path)), cwd=tmp_path)
    run_id = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("RUN"))
    run = live_server.wait_for_run(run_id, seconds=280.0)
    assert run["state"] == "SUCCEEDED", run.get("error")
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(90_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{live_server.url}/#/runs/details/{run_id}")
    page.locator("#graph").get_by_text("add", exact=True).click()  # not the row of its table, which is there first
    page.get_by_role("tab", name="Visualizations").or_(page.get_by_role("link", name="Visualizations")).first.click()
    embedded = page.frame_locator("iframe[title='Tracked run']")
    expect(embedded.get_by_text("Finished").first).to_be_visible(timeout=60_000)
    expect(embedded.get_by_role("link", name="Recurring runs")).to_have_count(0)  # the run alone, without the frame of the pages
    config = embedded.locator("body")
    for text in ("LINK_TO_KUBEFLOW_RUN", f"{live_server.url}/#/runs/details/{run_id}", "27"):
        expect(config).to_contain_text(text, timeout=30_000)
    embedded.get_by_role("link", name="Charts").click()
    expect(embedded.locator("body")).to_contain_text("progress", timeout=60_000)
    page.close()
    assert problems == []
