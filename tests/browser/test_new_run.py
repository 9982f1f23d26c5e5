"""The form of a new run in a hurry and with second thoughts: two clicks, another version while half of it is typed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from penstock.domain.plan import ParameterSpec, ParameterType, RunPlan
from penstock.web.pages.catalog import new_run
from penstock.web.services.web import WebServices
from tests.browser.conftest import Served


def test_a_second_click_while_the_run_opens_does_not_start_another(page: Page, served: Served) -> None:
    page.goto("/ui/runs/new?pipeline=pipe-digits")
    page.get_by_label("Name", exact=True).fill("clicked twice")
    # The page is being left, and still there.
    page.evaluate("addEventListener('beforeunload', () => setTimeout(() => document.getElementById('start-run').click()))")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(f"**/ui/runs/{served.seeded.runs['good']}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    started = [given[0]["name"] for verb, given in served.seeded.actions.calls if verb == "create_run"]
    assert started.count("clicked twice") == 1


def test_what_was_typed_comes_along_to_another_version(page: Page) -> None:
    page.goto("/ui/runs/new?pipeline=pipe-digits")
    page.get_by_label("Name", exact=True).fill("typed <b>日本語</b>")
    page.locator("#parameter-rows").fill("77")
    page.get_by_role("radio", name="Recurring").check()
    page.get_by_label("Unit").select_option("weeks")
    page.get_by_label("Version").select_option("ver-1")
    page.wait_for_url("**version=ver-1**")
    expect(page.get_by_label("Name", exact=True)).to_have_value("typed <b>日本語</b>")
    expect(page.locator("#parameter-rows")).to_have_value("77")
    expect(page.get_by_role("radio", name="Recurring")).to_be_checked()
    expect(page.get_by_label("Unit")).to_have_value("weeks")
    page.reload()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Run of digits-training")


def test_what_is_hidden_does_not_stop_the_form(page: Page, served: Served) -> None:
    page.goto("/ui/runs/new?pipeline=pipe-digits")
    page.get_by_role("radio", name="Recurring").check()
    page.get_by_label("Runs at the same time, at most").fill("99")
    page.get_by_role("radio", name="One-off").check()
    expect(page.get_by_label("Runs at the same time, at most")).to_be_hidden()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(f"**/ui/runs/{served.seeded.runs['good']}")


def test_a_number_that_cannot_be_read_is_not_lost_on_the_way_to_yaml(page: Page) -> None:
    page.goto("/ui/runs/new?pipeline=pipe-digits")
    rows = page.locator("#parameter-rows")
    rows.fill("")
    rows.press_sequentially("1e400")
    page.get_by_role("radio", name="YAML").click()
    expect(page.get_by_role("radio", name="Form")).to_be_checked()
    expect(rows).to_be_focused()
    rows.fill("1e3")
    page.get_by_role("radio", name="YAML").click()
    expect(page.get_by_role("textbox", name="Parameters as YAML")).to_have_value(re.compile("rows: 1000$", re.MULTILINE))


def test_a_choice_is_asked_for_and_what_is_none_of_them_comes_back_from_yaml(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("red", "green")
    specs = {
        "must": ParameterSpec("must", ParameterType.STRING, literals=words),
        "may": ParameterSpec("may", ParameterType.STRING, default="green", literals=words),
        "is_on": ParameterSpec("is_on", ParameterType.BOOLEAN),
    }
    known = new_run.plan_of

    async def with_choices(services: WebServices, digest: str) -> RunPlan | None:
        plan = await known(services, digest)
        return plan and replace(plan, parameters=specs)

    monkeypatch.setattr(new_run, "plan_of", with_choices)
    page.goto("/ui/runs/new?pipeline=pipe-digits")
    must, may, is_on = (page.locator(f"#parameter-{name}") for name in specs)
    expect(must.locator("option")).to_have_text(["choose one", "red", "green"])
    expect(may.locator("option")).to_have_text(["default: green", "red", "green"])
    expect(is_on.locator("option")).to_have_text(["choose one", "true", "false"])
    page.get_by_role("button", name="Start").click()
    expect(must).to_be_focused()  # and the form is still here
    page.get_by_role("radio", name="YAML").check()
    page.get_by_role("textbox", name="Parameters as YAML").fill("must: purple\nis_on: 2026-01-01")
    page.get_by_role("radio", name="Form").click()
    expect(page.get_by_role("alert").filter(has_text="is_on has to be true or false; '2026-01-01' is not.")).to_be_visible()
    expect(page.get_by_role("radio", name="YAML")).to_be_checked()
    page.get_by_role("textbox", name="Parameters as YAML").fill("must: purple\nis_on: no")
    page.get_by_role("radio", name="Form").click()
    expect(must).to_have_value("purple")
    expect(may).to_have_value("")
    expect(is_on).to_have_value("false")
