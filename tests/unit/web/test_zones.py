"""Times in the reader's zone, on the way out and on the way in."""

from __future__ import annotations

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.web.texts.zones import clock, field_text, moment_of, offset, zone_names

SUMMER, WINTER = 1_785_000_000.0, 1_796_000_000.0  # 25 July and 29 November 2026


@pytest.mark.parametrize(
    ("cookies", "expected"),
    [
        ({}, ("UTC", "")),
        ({"penstock_browser_zone": "Asia%2FSeoul"}, ("Asia/Seoul", "")),
        ({"penstock_browser_zone": "Asia/Seoul", "penstock_zone": "Europe/Berlin"}, ("Europe/Berlin", "Europe/Berlin")),
        ({"penstock_browser_zone": "Asia/Seoul", "penstock_zone": "UTC"}, ("UTC", "UTC")),
        ({"penstock_browser_zone": "../../etc/passwd", "penstock_zone": "/etc/localtime"}, ("UTC", "")),
        ({"penstock_zone": "x" * 5000}, ("UTC", "")),
        ({"penstock_zone": "Europe"}, ("UTC", "")),
    ],
)
def test_the_chosen_zone_comes_before_the_browsers(cookies: dict[str, str], expected: tuple[str, str]) -> None:
    assert zone_names(cookies) == expected


def test_times_say_how_far_they_are_from_utc() -> None:
    assert clock(1_767_225_600.0, "Europe/Berlin") == "2026-01-01 01:00:00"
    assert offset(WINTER, "Europe/Berlin") == "UTC+1"
    assert offset(SUMMER, "Europe/Berlin") == "UTC+2"
    assert offset(WINTER, "Asia/Kolkata") == "UTC+5:30"
    assert offset(WINTER, "America/St_Johns") == "UTC-3:30"
    assert offset(SUMMER, "UTC") == "UTC"
    assert clock(None, "UTC") == field_text(None, "UTC") == ""


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_what_a_field_shows_comes_back_as_the_same_moment(zone: str) -> None:
    whole = WINTER - WINTER % 60
    assert moment_of(field_text(whole, zone), zone) == whole


def test_a_text_with_an_offset_of_its_own_keeps_it() -> None:
    assert moment_of("2026-01-01T00:00+02:00", "Asia/Tokyo") == moment_of("2025-12-31T22:00", "")


@pytest.mark.parametrize(("text", "zone"), [("soon", "UTC"), ("2026-01-01T00:00", "Mars/Olympus")])
def test_what_names_no_moment_is_refused(text: str, zone: str) -> None:
    with pytest.raises(InvalidArgumentError):
        moment_of(text, zone)
