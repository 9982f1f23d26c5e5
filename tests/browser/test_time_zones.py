"""Times follow the browser's zone, or the one that the reader chose."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served


@pytest.fixture
def tab(chromium: Browser, served: Served) -> Iterator[Page]:
    """A browser in Tokyo."""
    context = chromium.new_context(base_url=served.url, locale="en-US", timezone_id="Asia/Tokyo", viewport={"width": 1440, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context.new_page()
    context.close()


def shown(iso: str, hours: int) -> str:
    """What a moment reads like in a zone so many hours east of UTC."""
    moment = dt.datetime.fromisoformat(iso) + dt.timedelta(hours=hours)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC+{hours}"


def next_time(tab: Page) -> tuple[str, str]:
    """Moment and text of the first planned time on the page of a schedule."""
    planned = tab.locator("#next-live time[data-at]").first
    return planned.get_attribute("datetime") or "", planned.inner_text()


def test_the_first_page_is_in_the_browsers_zone_already(tab: Page) -> None:
    tab.goto("/ui/recurring/rec-nightly")
    expect(tab.locator("html")).to_have_attribute("data-zone", "UTC")
    iso, text = next_time(tab)
    assert text == shown(iso, 9)
    tab.reload()  # the server knows by now
    expect(tab.locator("html")).to_have_attribute("data-zone", "Asia/Tokyo")
    iso, text = next_time(tab)
    assert text == shown(iso, 9)
    expect(tab.get_by_label("Not before (Asia/Tokyo)")).to_have_count(1)


def test_another_zone_is_chosen_in_the_menu_and_kept(tab: Page) -> None:
    tab.goto("/ui/recurring/rec-nightly")
    tab.locator("#user-menu > summary").click()
    chooser = tab.get_by_label("Time zone", exact=True)
    expect(chooser.locator("option").first).to_have_text("The browser's: Asia/Tokyo")
    chooser.select_option("Asia/Dubai")
    expect(tab.locator("html")).to_have_attribute("data-zone", "Asia/Dubai")
    iso, text = next_time(tab)
    assert text == shown(iso, 4)
    tab.goto("/ui/runs")
    first = tab.locator("tbody time").first
    assert first.get_attribute("title") == shown(first.get_attribute("datetime") or "", 4)
    tab.locator("#user-menu > summary").click()
    tab.get_by_label("Time zone", exact=True).select_option("")
    expect(tab.locator("html")).to_have_attribute("data-zone", "Asia/Tokyo")


def test_pointing_at_a_relative_time_shows_it_in_the_readers_zone(tab: Page) -> None:
    tab.goto("/ui/runs")
    first = tab.locator("tbody time").first
    first.hover()
    assert first.get_attribute("title") == shown(first.get_attribute("datetime") or "", 9)


def test_copied_times_are_iso(tab: Page) -> None:
    tab.goto("/ui/runs")
    row = tab.locator("tbody tr").first
    row.evaluate("(row) => document.getSelection().selectAllChildren(row)")
    tab.keyboard.press("Control+c")
    copied = tab.evaluate("navigator.clipboard.readText()")
    times = [time.get_attribute("datetime") for time in row.locator("time").all()]
    assert times
    assert all(time in copied for time in times)
    assert " ago" not in copied


def test_a_field_is_read_in_the_zone_that_its_label_names(tab: Page) -> None:
    tab.goto("/ui/recurring/rec-nightly?from=2026-01-01T09:00&until=2026-01-02T09:00&zone=Asia/Tokyo")
    planned = tab.locator("#backfill time[data-at]").first
    assert dt.datetime.fromisoformat(planned.get_attribute("datetime") or "") >= dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    expect(tab.get_by_label("From (Asia/Tokyo)")).to_have_value("2026-01-01T09:00")
