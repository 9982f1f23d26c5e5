"""Recurring runs beyond the clock: make a trigger, test it, edit in place, plan a backfill before it starts."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Served


def test_a_webhook_is_made_its_token_shown_once_and_taken(page: Page, served: Served) -> None:
    page.goto("/ui/recurring")
    page.get_by_role("link", name="New trigger").click()
    page.get_by_role("radio", name="Webhook").check()
    expect(page.get_by_label("Threshold", exact=True)).to_be_hidden()
    page.get_by_label("Name", exact=True).fill("from the forge")
    page.get_by_label("Pipeline", exact=True).select_option(label="digits-training")
    page.wait_for_url("**pipeline=pipe-digits**")
    expect(page.get_by_role("radio", name="Webhook")).to_be_checked()
    expect(page.get_by_label("Name", exact=True)).to_have_value("from the forge")
    page.locator("#parameter-rows").fill("[[Event.payload.rows]]")
    page.get_by_role("button", name="Create trigger").click()
    expect(page.get_by_role("heading", name="Token of the webhook")).to_be_visible()
    token = page.locator("dd [data-copy]").nth(1).get_attribute("data-copy")
    assert token
    page.get_by_role("link", name="Done").click()
    assert token not in page.content()
    identity = page.url.rpartition("/")[2]
    automation = served.seeded.services.automation
    assert automation is not None
    page.get_by_role("link", name="Test with last event").click()
    expect(page.locator("#test")).to_contain_text("nothing of this kind has happened yet")
    page.goto("/ui/recurring?q=kind:event")
    expect(page.get_by_role("row", name="from the forge")).to_contain_text("when its webhook is called")
    assert identity


def test_a_refused_trigger_keeps_what_was_typed_and_says_why(page: Page) -> None:
    page.goto("/ui/recurring/new-trigger?pipeline=pipe-digits&event=artifact")
    page.get_by_label("Name", exact=True).fill("on a version")
    page.get_by_label("Collection", exact=True).fill("no-slash")
    with page.expect_response("**/new-trigger") as answer:
        page.evaluate("document.querySelector('[data-trigger-form] button.primary').click()")
    assert answer.value.status == 200
    expect(page.get_by_role("alert")).to_contain_text("entity/project/collection")
    expect(page.get_by_label("Name", exact=True)).to_have_value("on a version")
    expect(page.get_by_label("Collection", exact=True)).to_have_value("no-slash")


def test_a_parameter_that_asks_what_no_event_says_is_refused_with_what_may_be_asked(page: Page) -> None:
    page.goto("/ui/recurring/new-trigger?pipeline=pipe-digits&event=file")
    page.get_by_label("Name", exact=True).fill("on a file")
    page.get_by_role("textbox", name="Path on the server's machine").fill("/data/incoming")
    hint = page.locator(".hint [data-for=file]")
    expect(hint).to_have_text(re.compile(r"\[\[Event\.path\]\]"))
    expect(page.locator(".hint [data-for=artifact]")).to_be_hidden()
    page.locator("#parameter-rows").fill("[[Event.pth]]")
    page.get_by_role("button", name="Create trigger").click()
    expect(page.get_by_role("alert")).to_contain_text("parameter rows: an event of the kind file has no pth; it has path, is_there")
    expect(page.locator("#parameter-rows")).to_have_value("[[Event.pth]]")


def test_a_schedule_is_edited_in_place_and_remembers_what_it_was(page: Page) -> None:
    page.goto("/ui/recurring/rec-hourly")
    page.get_by_text("Edit here").click()
    page.locator("#edit-name").fill("half-hourly check")
    expect(page.get_by_label("Unit")).to_have_value("hours")
    page.locator("input[name=every]").fill("30")
    page.get_by_label("Unit").select_option("minutes")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="half-hourly check")).to_be_visible()
    expect(page.locator(".lead")).to_contain_text("every 30 m")
    changes = page.locator("#changes")
    expect(changes).to_contain_text("hourly check → half-hourly check")
    expect(changes).to_contain_text("every hour → every 30 minutes")


def test_a_cron_expression_says_in_words_when_it_comes_due_in_which_zone(page: Page) -> None:
    page.goto("/ui/runs/new?kind=recurring&pipeline=pipe-digits")
    page.get_by_label("Cron expression").fill("0 30 3 * * 1-5")
    expect(page.locator("#fires")).to_contain_text("Next times")
    page.locator("input[name=trigger][value=cron]").check()
    expect(page.locator("#cron-words")).to_contain_text("at 03:30, on Monday–Friday")
    zones = page.get_by_label("Time zone of the expression")
    zones.focus()
    zones.select_option("Asia/Seoul")
    expect(page.locator("#cron-words")).to_contain_text("at 03:30, on Monday–Friday, in the zone Asia/Seoul")
    expect(page.locator("#fires .chip")).to_have_count(5)


def test_a_backfill_shows_its_plan_before_it_starts(page: Page) -> None:
    page.goto("/ui/recurring/rec-nightly")
    page.get_by_label("From (UTC)").fill("2026-01-01T00:00")
    page.get_by_label("Until (UTC)").fill("2026-01-04T00:00")
    page.get_by_role("button", name="Show the plan").click()
    expect(page.get_by_text("3 runs would start")).to_be_visible()
    expect(page.locator("#backfill tbody tr")).to_have_count(3)
    cost = page.locator("#backfill-cost")
    expect(cost).to_contain_text(re.compile(r"\d+ would run at most, \d+ are there to be reused"))
    expect(cost).to_contain_text(re.compile(r"at most \d+ runs? of this schedule at a time"))
    page.get_by_role("button", name="Start 3 runs").click()
    expect(page.get_by_role("status").filter(has_text="3 runs will start")).to_be_visible()
    stop = page.locator("#backfill li").filter(has_text="0/3").get_by_role("button", name="Stop")
    stop.click()
    expect(page.locator("#backfill li").filter(has_text="0/3").get_by_role("button", name="Stop")).to_have_count(0)


def test_of_two_tabs_that_edit_a_schedule_the_second_is_told_and_keeps_what_was_typed(page: Page, served: Served) -> None:
    del served
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto("/ui/recurring/rec-nightly")
        tab.get_by_text("Edit here").click()
    page.locator("#edit-description").fill("the first one wrote this")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Changed.")).to_be_visible()
    other.locator("#edit-description").fill("the second one wrote that")
    other.locator("#edit-max").fill("3")
    other.get_by_role("button", name="Save").click()
    expect(other.locator("#edit").get_by_role("alert")).to_contain_text("Somebody changed this schedule while you edited it.")
    expect(other.locator("#edit-description")).to_have_value("the second one wrote that")
    expect(other.locator("#edit-max")).to_have_value("3")
    expect(other.locator("p.lead")).to_contain_text("the first one wrote this")
    other.get_by_role("button", name="Save").click()
    expect(other.locator("p.lead")).to_contain_text("the second one wrote that")
    expect(other.locator("#changes")).to_contain_text("the first one wrote this → the second one wrote that")
    other.close()


def test_an_edit_that_is_refused_keeps_what_was_typed(page: Page) -> None:
    page.goto("/ui/recurring/rec-nightly")
    page.get_by_text("Edit here").click()
    page.locator("#edit-name").fill("five fields")
    page.get_by_label("Cron expression").fill("0 3 * * *")
    page.locator("#edit").get_by_role("button", name="Save").click()
    expect(page.locator("#edit").get_by_role("alert")).to_contain_text("five fields; six are needed")
    expect(page.locator("#edit-name")).to_have_value("five fields")
    expect(page.get_by_label("Cron expression")).to_have_value("0 3 * * *")
    page.reload()
    expect(page).to_have_url(re.compile("/ui/recurring/rec-nightly"))
