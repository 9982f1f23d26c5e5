"""A page of a browser that must not fail: what its console says, and what it asks of other machines, is looked at in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request


@contextmanager
def watched_page(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """Open a fresh page on the server at `url`; leaving it checks that no script failed, no error was said and nothing left this machine.

    Args:
        browser: where it is opened.
        url: address of the server.
        options: of the browser's context, instead of 1440 x 900 in English at UTC.
    """
    usual = {"viewport": {"width": 1440, "height": 900}, "locale": "en-US", "timezone_id": "UTC"}
    context = browser.new_context(base_url=url, **(usual | options))
    page = context.new_page()
    problems: list[str] = []
    away: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "frame is sandboxed" not in message.text:
            problems.append(message.text)

    def watch(request: Request) -> None:
        if urlsplit(request.url).scheme in {"http", "https", "ws", "wss"} and urlsplit(request.url).hostname != "127.0.0.1":
            away.append(request.url)

    page.on("console", note)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", watch)
    try:
        yield page
    finally:
        context.close()
    assert (away, problems) == ([], []), f"asked of others: {away}; said to the console: {problems}"
