"""Lists of a project's sweeps and reports: narrowed, sorted, grouped, paged and exported as the other lists."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.web.test_tracking_pages import Site, site

__all__ = ["site"]

COUNT = 60


async def filled(site: Site) -> None:
    """Sixty sweeps, every third by random search, and sixty reports, every second a draft."""
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    for number in range(COUNT):
        method = "random" if number % 3 == 0 else "grid"
        config = f"method: {method}\nmetric: {{name: loss, goal: minimize}}\nparameters: {{lr: {{values: [1, 2]}}}}\n"
        site.services.sweeps.create(project.project_id, "ann" if number % 2 else "bob", config, display_name=f"sweep {number}")
        kind, user = ("runs/draft", "bob") if number % 2 else ("runs", "ann")
        site.services.reports.create(project.project_id, user, kind=kind, name=f"report {number}", description=f"words {number % 5}")


async def names(site: Site, list_name: str, query: str = "") -> list[str]:
    page = (await site.get(f"{site.base}/{list_name}?{query}")).text
    return re.findall(r'<a class="name quiet cut" href="[^"]*">((?:sweep|report) \d+)</a>', page)


async def export(site: Site, list_name: str, query: str) -> Any:
    return (await site.get(f"/ui/export/{list_name}?project=ann/digits&format=json&{query}")).json()


async def test_sweeps_are_narrowed_sorted_grouped_and_exported(site: Site) -> None:
    await filled(site)
    assert len(await names(site, "sweeps")) == 50
    assert await names(site, "sweeps", "sort=name&q=method:random&n=200") == [f"sweep {number}" for number in range(0, COUNT, 3)]
    up, down = [await names(site, "sweeps", f"n=100&sort={sign}user") for sign in ("", "-")]
    assert (up, len(up)) == (down[::-1], COUNT)
    groups = (await site.get(f"{site.base}/sweeps?group=state")).text
    found = re.search(r'<a class="name quiet cut" href="([^"]+)">([^<]+)</a></th>\s*<td class="num lead-state"><span class="only-wide">(\d+)', groups)
    assert found is not None
    assert (found[2], int(found[3])) == ("Pending", COUNT)
    assert len(await names(site, "sweeps", found[1].partition("?")[2].replace("&amp;", "&") + "&n=200")) == COUNT
    rows = await export(site, "sweeps", "q=method:random&sort=name")
    assert [row["name"] for row in rows] == [f"sweep {number}" for number in range(0, COUNT, 3)]
    assert {row["group"]: row["count"] for row in await export(site, "sweeps", "group=method")} == {"grid": COUNT * 2 // 3, "random": COUNT // 3}


async def test_reports_are_narrowed_sorted_grouped_and_exported(site: Site) -> None:
    await filled(site)
    assert len(await names(site, "reports")) == 50
    assert await names(site, "reports", "sort=title&q=kind:draft&n=200") == [f"report {number}" for number in range(1, COUNT, 2)]
    assert await names(site, "reports", "q=nobody") == []
    assert {row["group"]: row["count"] for row in await export(site, "reports", "group=kind")} == {"draft": COUNT // 2, "report": COUNT // 2}
    assert [row["title"] for row in await export(site, "reports", "sort=title&limit=2")] == ["report 0", "report 1"]


@pytest.mark.parametrize(("of", "field", "text", "offered"), [("sweeps", "method", "ran", ["random"]), ("reports", "user", "b", ["bob"]), ("reports", "nonsense", "", [])])
async def test_filter_bars_complete_values(site: Site, of: str, field: str, text: str, offered: list[str]) -> None:
    await filled(site)
    address = f"/ui/tracking/lists/values?of={of}&project=ann/digits&field={field}&text={text}"
    assert (await site.get(address)).json() == offered
    assert (await site.get(address.replace("digits", "nothing"))).status_code == 404
