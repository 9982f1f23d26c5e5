"""Lists of a project's sweeps, reports and collections: narrowed, sorted, grouped, paged and exported as the other lists."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest

from penstock.domain.tracking import RunChange
from tests.unit.web.test_tracking_pages import ORIGIN, Site, site

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


async def shelved(site: Site) -> list[int]:
    """Seventy collections of the project, every seventh a model, and one of another project."""
    project = await site.tracking.projects.get("ann", "digits")
    assert project is not None
    await site.tracking.projects.upsert("ann", "other")
    elsewhere = await site.tracking.projects.get("ann", "other")
    assert elsewhere is not None
    shelf = site.services.collections
    shelf.ensure_portfolio(int(elsewhere.project_id), "set-elsewhere", "dataset")
    kinds = ["dataset" if number % 7 else "Model" for number in range(70)]
    return [shelf.ensure_portfolio(int(project.project_id), f"set-{number}", kind).collection_id for number, kind in enumerate(kinds)]


async def collections(site: Site, query: str = "") -> list[str]:
    page = (await site.get(f"{site.base}/artifacts?{query}")).text
    return re.findall(r'<a class="name quiet cut" href="[^"]*"><svg.*?</svg> (set-[\w-]+)</a>', page)


async def test_collections_of_a_project_are_the_list_of_all_of_them_narrowed_to_it(site: Site) -> None:
    made = await shelved(site)
    site.services.collections.change_tags(made[3], add=["gold"])
    assert len(await collections(site)) == 50
    assert sorted(await collections(site, "n=200")) == sorted(f"set-{number}" for number in range(70))
    models = [f"set-{number}" for number in range(0, 70, 7)]
    assert await collections(site, "q=type%3Dmodel&sort=name") == models
    assert await collections(site, "q=type%3Dmodel&sort=-name") == models[::-1]
    assert await collections(site, "q=tag:gold") == ["set-3"]
    groups = (await site.get(f"{site.base}/artifacts?group=type")).text
    assert re.findall(r"q=type%3D(\w+)", groups.partition("group-rows")[2].partition("</table>")[0])[:2]
    page = (await site.get(f"{site.base}/artifacts")).text
    assert "70 collections" in page
    assert "group=type" in page
    assert "group=project" not in page
    assert "Project or pipeline" not in page
    rows = (await site.get("/ui/export/collections?project=ann/digits&format=json&q=type%3Dmodel&sort=name")).json()
    assert [row["name"] for row in rows] == models
    assert "/ui/export/collections?sort=name&amp;project=ann%2Fdigits&amp;format=csv" in (await site.get(f"{site.base}/artifacts?sort=name")).text
    assert (await site.get("/ui/export/collections?project=ann/nothing")).status_code == 404
    offered = (await site.get("/ui/tracking/lists/values?of=artifacts&project=ann/digits&field=name&text=set-e")).json()
    assert offered == []
    assert (await site.get("/ui/tracking/lists/values?of=artifacts&project=ann/digits&field=tag&text=go")).json() == ["gold"]


async def test_what_is_beyond_the_newest_that_are_looked_at_is_found_by_its_name(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(site)
    await shelved(site)
    for module in ("artifacts.collections", "tracking.reports"):
        monkeypatch.setattr(f"penstock.web.pages.{module}.LOOKED_AT", 10)
    listed = await collections(site, "n=200")
    assert len(listed) == 10
    assert "These are among the 10 that changed last." in (await site.get(f"{site.base}/artifacts")).text
    (beyond,) = {"set-7", "set-8", "set-9"} - set(listed) - {"set-8", "set-9"}
    for asked in (beyond, f"name%3D{beyond}", f"type:model {beyond}", f"digits name:{beyond}"):
        assert await collections(site, f"q={asked}") == [beyond], asked
    assert len(await names(site, "reports", "n=200")) == 10
    assert "60 reports" in (await site.get(f"{site.base}/reports")).text
    assert "These are among the 10 that changed last." in (await site.get(f"{site.base}/reports")).text
    for number in (0, 59):
        assert await names(site, "reports", f'q="report {number}"&n=200') == [f"report {number}"]
        assert await names(site, "reports", f'q=title%3D"report {number}"') == [f"report {number}"]
    assert "These are among" not in (await site.get(f'{site.base}/reports?q="report 0"')).text
    assert [row["title"] for row in await export(site, "reports", 'q="report 0"')] == ["report 0"]


async def test_all_collections_that_match_are_those_of_the_project(site: Site) -> None:
    made = await shelved(site)
    assert re.search(r'name="matching" value="1">all 70\s+that match', (await site.get(f"{site.base}/artifacts?q=set")).text)
    form = {"verb": "tag", "tags": "gold", "matching": "1", "next": f"{site.base}/artifacts?q=set"}
    answer = await site.http.post("/ui/artifacts/collections/actions", data=form, headers=ORIGIN)
    assert "Tagged 70 of 70." in unquote(answer.headers["set-cookie"])
    assert {identity for identity, tags in site.services.collections.tags(made).items() if "gold" in tags} == set(made)
    rows = (await site.get("/ui/export/collections?format=json&q=tag:gold")).json()
    assert {row["project"] for row in rows} == {"ann/digits"}
    for place in (f"{site.base}/runs", "/ann/nothing/artifacts", "/ui/projects"):
        answer = await site.http.post("/ui/artifacts/collections/actions", data=form | {"verb": "delete", "next": place}, headers=ORIGIN)
        assert "Deleted" not in unquote(answer.headers.get("set-cookie", ""))
    assert len((await site.get("/ui/export/collections?format=json")).json()) == 71


async def test_the_address_of_a_type_leads_to_the_list_with_that_filter(site: Site) -> None:
    answer = await site.get(f"{site.base}/artifacts/run_table?q=x&n=25")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{site.base}/artifacts?q=type%3Drun_table&n=25")


async def test_filter_bars_of_runs_complete_values_of_fields_and_keys(site: Site) -> None:
    for number in range(3):
        change = RunChange(group=f"night {number}", tags=["gold"], config=json.dumps({"lr": {"value": number / 2}}))
        await site.tracking.runs.upsert("ann", "digits", f"more{number}", change)
    address = "/ui/tracking/lists/values?of=runs&project=ann/digits"
    for page in ("runs", "workspace"):
        text = (await site.get(f"{site.base}/{page}?q=config.lr>0")).text
        assert f'data-values="{address.replace("/digits", "%2Fdigits").replace("&", "&amp;")}"' in text
        assert 'data-states="running finished failed crashed killed preempting pending"' in text
        assert " config.lr" in text.partition('data-fields="')[2].partition('"')[0]
    assert (await site.get(f"{address}&field=group&text=NIGHT")).json() == ["night 0", "night 1", "night 2"]
    assert (await site.get(f"{address}&field=config.lr&text=")).json()[-2:] == ["0.5", "1"]
    assert (await site.get(f"{address}&field=tag&text=go")).json() == ["gold"]
    bob = {"cookie": f"penstock_key={site.services.keys.make('bob').text}"}
    assert (await site.http.get(f"{address}&field=group&text=", headers=bob)).status_code == 404
