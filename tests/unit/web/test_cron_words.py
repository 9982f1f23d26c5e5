"""What cron expressions say to a reader."""

from __future__ import annotations

import pytest

from penstock.web.texts.cron_words import cron_words, in_zone, zone_and_rest


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 30 3 * * 1-5", "at 03:30, on Monday–Friday"),
        ("15 0 9,17 * * *", "at 09:00:15, 17:00:15"),
        ("0 */10 * * * *", "every 10 minutes"),
        ("0 */7 * * * *", "at minute 0, 7, 14, 21, 28, 35, 42, 49, 56"),
        ("*/15 * * * * *", "every 15 seconds"),
        ("* * * * * *", "every second"),
        ("0 */5 9-17 * * 0", "every 5 minutes, in the hours 09–17, on Sunday"),
        ("0 0 * * * *", "every hour"),
        ("@hourly", "every hour"),
        ("0 30 * * * *", "at minute 30"),
        ("0 0 */2 * * *", "every 2 hours"),
        ("0 5 */2 * * *", "at minute 5, every 2 hours"),
        ("0 0 9-17 * * 1-5", "at minute 0, in the hours 09–17, on Monday–Friday"),
        ("0 0 4 1,15 * *", "at 04:00, on day 1, 15 of the month"),
        ("0 0 4 1 * 5", "at 04:00, on Friday or on day 1 of the month"),
        ("0 0 4 * 3-5,12 *", "at 04:00, in March–May, December"),
        ("CRON_TZ=Asia/Tokyo 0 0 9 * * *", "at 09:00, in the zone Asia/Tokyo"),
        ("@daily", "at 00:00"),
        ("@every 1h30m", "every 1 h 30 m"),
    ],
)
def test_an_expression_says_when_it_comes_due(expression: str, words: str) -> None:
    assert cron_words(expression, "en") == words


@pytest.mark.parametrize("expression", ["", "never", "0 3 * * *", "61 * * * * *", "CRON_TZ=Mars/Base 0 0 0 * * *", "@every soon"])
def test_what_cannot_be_read_has_no_words(expression: str) -> None:
    assert cron_words(expression, "en") == ""


def test_words_are_in_the_readers_language() -> None:
    assert cron_words("0 30 3 * * 1-5", "ko") == "03:30, 월요일–금요일"
    assert cron_words("0 0 4 * 3 *", "ja") == "04:00, 3月"


def test_a_zone_stands_in_front_once() -> None:
    assert in_zone("0 0 3 * * *", "Europe/Berlin") == "CRON_TZ=Europe/Berlin 0 0 3 * * *"
    assert in_zone("TZ=UTC 0 0 3 * * *", "Europe/Berlin") == "TZ=UTC 0 0 3 * * *"
    assert in_zone("@every 1h", "Europe/Berlin") == "@every 1h"
    assert zone_and_rest("CRON_TZ=Europe/Berlin 0 0 3 * * *") == ("Europe/Berlin", "0 0 3 * * *")
    assert zone_and_rest("0 0 3 * * *") == ("", "0 0 3 * * *")
