"""What happened since the reader last looked: the menu of the bell in the top bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from penstock.interfaces.page_catalog import NewsItem
from penstock.web.render import render_part
from penstock.web.services.tracking import reader_of
from penstock.web.services.web import WebServices

SEEN_COOKIE = "penstock_seen"
"""Time of the server when the menu was last opened; written by the page."""
_DAY = 86_400.0
KINDS: Mapping[str, tuple[str, str, str]] = {
    "failed": ("Run failed", "failed", "/ui/runs/{}"),
    "fired": ("Trigger fired", "bolt", "/ui/recurring/{}"),
    "error": ("Trigger could not start its run", "warning", "/ui/recurring/{}"),
    "pipeline_budget": ("Budget passed", "warning", "/ui/pipelines/{}?tab=statistics"),
    "project_budget": ("Budget passed", "warning", "/{}/overview"),
    "delivered": ("Automation did its work", "bell", "/{}/automations"),
    "undelivered": ("Automation failed", "warning", "/{}/automations"),
}
"""Kind -> (words, icon, address)."""


@dataclass(frozen=True, slots=True)
class NewsPart:
    """Context of `shared/news.html`."""

    items: Sequence[NewsItem]
    """Of the last week, newest first."""
    seen_at: float
    """When the reader last looked; a day ago if never."""
    now: float
    kinds: Mapping[str, tuple[str, str, str]]
    """Words, icon and address of each kind."""

    @property
    def count(self) -> int:
        """How many are new."""
        return sum(item.at > self.seen_at for item in self.items)


async def news_part(services: WebServices, request: Request) -> Response:
    """The menu's content; the cookie says what was seen."""
    now = services.clock.now()
    try:
        seen_at = min(now, float(request.cookies.get(SEEN_COOKIE, "")))
    except ValueError:
        seen_at = now - _DAY
    news = await services.home.news(now - 7 * _DAY, reader=reader_of(services.tracking, request))
    part = NewsPart(news, seen_at, now, KINDS)
    return render_part(services, request, "shared/news.html", part=part)
