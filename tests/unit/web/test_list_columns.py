"""Columns of lists: every one that stands in a list sorts in both directions or says why not, and groups lead to their rows."""

from __future__ import annotations

import re
from html import escape, unescape
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.datastructures import QueryParams

from penstock.interfaces.pages import Condition, ListQuery
from penstock.web.lists.held_rows import Columns, page_of
from penstock.web.lists.key_columns import chosen_keys, named
from penstock.web.render import HERE
from tests.unit.web.conftest import PageClient

LISTS = {
    "/ui/pipelines": (),
    "/ui/experiments": (),
    "/ui/experiments?metric=accuracy": (),
    "/ui/recurring": ("Next",),
    "/ui/artifacts": (),
    "/ui/artifacts?tab=stored": (),
    "/ui/runs?columns=chosen&column=accuracy&column=rate&column=tag.team": (),
    "/ui/executions": (),
    "/ui/executions?columns=chosen&column=in.rate&column=out.Output&column=metric.accuracy&column=in.none": (),
    "/ui/artifacts?tab=stored&columns=chosen&column=meta.rows&column=meta.framework&column=meta.none": (),
    "/ui/artifacts?columns=chosen&column=meta.rows&column=meta.framework&column=meta.none": (),
}
"""List -> columns that do not sort; each of these says why in its title."""
GROUPED = [
    ("pipelines", by) for by in ("last", "version", "schedules", "created", "tag.team")
] + [
    ("experiments", by) for by in ("last", "description", "activity", "created")
] + [
    ("recurring", by) for by in ("status", "kind", "pipeline", "experiment", "concurrency", "last", "created")
] + [
    ("collections", by) for by in ("type", "pipeline", "producer", "updated", "used")
]  # fmt: skip


def rows_of(page: str) -> list[str]:
    """Ids of the rows of the list, in order."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return re.findall(r'<tr [^>]*id="((?:row|execution|artifact|project)-[^"]+)"', body)


@pytest.mark.parametrize("address", LISTS)
def test_every_column_of_a_list_sorts_in_both_directions_or_says_why_not(client: PageClient, address: str) -> None:
    page = client.get(address).text
    head = page.partition("<thead>")[2].partition("</thead>")[0]
    heads = [cell for cell in re.findall(r"<th .*?</th>", head, re.DOTALL) if "hidden-text" not in cell]
    plain = {unescape(re.search(r'data-key="([^"]*)"', cell)[1]): cell for cell in heads if 'class="sort"' not in cell}
    assert set(plain) == set(LISTS[address])
    assert all("title=" in cell for cell in plain.values())
    joint = "&" if "?" in address else "?"
    whole = rows_of(client.get(f"{address}{joint}n=200").text)
    names = [unescape(re.search(r"sort=-?([^&\"]+)", cell)[1]) for cell in heads if 'class="sort"' in cell]
    assert len(names) > 3
    for name in names:
        up, down = (rows_of(client.get(f"{address}{joint}n=200&sort={sign}{name}").text) for sign in ("", "-"))
        if not name.startswith(("metric.", "param.", "best")):  # lists of those that have the number
            assert len(up) == len(down) == len(whole), name
            assert len(whole) == 200 or sorted(up) == sorted(down) == sorted(whole), name
        assert up != down or len(up) < 2, name


@pytest.mark.parametrize(("name", "by"), GROUPED)
def test_groups_of_every_list_lead_to_their_rows_and_are_exported_as_shown(client: PageClient, name: str, by: str) -> None:
    address = {"collections": "/ui/artifacts"}.get(name, f"/ui/{name}")
    shown = client.get(f"{address}?group={by}&n=200").text.partition(f'id="{name}-live"')[2]
    groups = re.findall(r'<tr><th scope="row">(?:<a class="name quiet cut" href="([^"]+)"|<span)[^>]*>[^<]*</(?:a|span)></th>\s*<td class="num[^>]*><span[^>]*>([\d,]+)</span>', shown)
    exported = client.get(f"/ui/export/{name}?group={by}&format=json").json()
    assert groups
    assert [int(count) for _, count in groups] == [row["count"] for row in exported]
    for link, count in groups[:6]:
        assert not link or len(rows_of(client.get(unescape(link)).text)) == min(int(count), 200), link
    kept = re.search(r'<a href="([^"]+)">[^<]*<svg[^>]*>.{0,80}</svg>\s*No groups', client.get(f"{address}?group={by}&n=200").text, re.DOTALL)
    assert kept is None or "group" not in kept[1]


def test_a_group_that_is_no_column_shows_rows(client: PageClient) -> None:
    for name in ("pipelines", "experiments", "recurring", "artifacts"):
        assert rows_of(client.get(f"/ui/{name}?group=nonsense").text)
        assert rows_of(client.get(f"/ui/{name}?group=tag.").text)


def test_rows_in_memory_are_narrowed_sorted_and_paged_as_those_of_the_database() -> None:
    columns: Columns[dict[str, object]] = Columns(
        words=lambda row: str(row["name"]),
        texts={"name": lambda row: [str(row["name"])], "tag": lambda row: list(row["tags"])},  # type: ignore[call-overload]
        numbers={"size": lambda row: row["size"]},  # type: ignore[return-value,dict-item]
        times={"at": lambda row: row["at"]},  # type: ignore[return-value,dict-item]
    )
    rows = [
        {"name": "run v9", "tags": ["a"], "size": 3, "at": 100.0},
        {"name": "run v10", "tags": ["a", "b"], "size": None, "at": 86_500.0},
        {"name": "Other", "tags": [], "size": 7, "at": None},
    ]

    def found(*conditions: Condition, words: tuple[str, ...] = ()) -> list[object]:
        return [row["name"] for row in columns.matching(rows, ListQuery(words=words, conditions=conditions, now=90_000.0))]

    assert found(words=("RUN",)) == ["run v9", "run v10"]
    assert found(Condition("tag", "=", "b")) == ["run v10"]
    assert found(Condition("tag", "!=", "b")) == ["run v9", "Other"]
    assert found(Condition("size", ">", "3")) == ["Other"]
    assert found(Condition("size", ">", "much")) == []
    assert found(Condition("at", "<", "1h")) == ["run v10"]
    assert found(Condition("at", ":", "1970-01-02")) == ["run v10"]
    assert found(Condition("at", ":", "soon")) == []
    assert len(found(Condition("unknown", "=", "x"))) == 3
    assert [row["name"] for row in columns.in_order(rows, "name", is_descending=False)] == ["Other", "run v9", "run v10"]
    assert [row["size"] for row in columns.in_order(rows, "size", is_descending=True)] == [7, 3, None]
    assert columns.key_of("meta.rows") == ""
    assert not columns.has("meta.rows")
    groups = columns.groups(rows, "tag", ListQuery(), at=lambda row: float(row["at"] or 0), numbers=["size"])  # type: ignore[arg-type]
    assert {group.value: group.count for group in groups.groups} == {"a": 2, "b": 1, None: 1}
    days = columns.groups(rows, "at", ListQuery(zone="Asia/Seoul"), at=lambda row: float(row["at"] or 0), numbers=[])  # type: ignore[arg-type]
    assert {group.value for group in days.groups} == {"1970-01-01", "1970-01-02", None}
    first = page_of(rows, ListQuery(limit=2))
    assert (len(first.items), first.next_cursor, first.total) == (2, "2", 3)
    assert page_of(rows, ListQuery(limit=2, cursor="2")).next_cursor is None


def test_keys_of_rows_in_memory_are_narrowed_and_sorted_as_those_of_the_database() -> None:
    columns: Columns[dict[str, object]] = Columns(
        words=lambda row: str(row["name"]), texts={"name": lambda row: [str(row["name"])]}, keys="meta", values=lambda row: row
    )
    rows: list[dict[str, object]] = [
        {"name": "a", "meta.rows": 10}, {"name": "b", "meta.rows": "v10"}, {"name": "c", "meta.rows": True}, {"name": "d"},
        {"name": "e", "meta.rows": 9.5}, {"name": "f", "meta.rows": "V9"}, {"name": "g", "meta.name": "own"},
    ]  # fmt: skip

    def found(*conditions: Condition) -> str:
        return "".join(str(row["name"]) for row in columns.matching(rows, ListQuery(conditions=conditions)))

    assert found(Condition("meta.rows", ">", "9.5")) == found(Condition("rows", "=", "10")) == "a"
    assert found(Condition("rows", "!=", "10")) == "bcef"
    assert found(Condition("rows", ":", "v")) == "bf"
    assert found(Condition("rows", "=", "true")) == "c"
    assert found(Condition("rows", ">", "v")) == found(Condition("unknown", ":", "x")) == ""
    assert found(Condition("meta.name", "=", "own")) == "g"
    assert found(Condition("name", "=", "own")) == ""
    rising = [str(row["name"]) for row in columns.in_order(rows, "meta.rows", is_descending=False)]
    assert "".join(rising) == "dgcfbea"
    assert [str(row["name"]) for row in columns.in_order(rows, "meta.rows", is_descending=True)] == rising[::-1]


def test_collections_are_narrowed_by_a_key_with_and_without_its_prefix(client: PageClient) -> None:
    every = client.get("/ui/export/collections?format=json&columns=chosen&column=meta.framework").json()
    names = [row["name"] for row in every if row["value.meta.framework"] == "scikit-learn"]
    assert 0 < len(names) < len(every)
    for field in ("meta.framework", "framework"):
        rows = client.get(f"/ui/export/collections?format=json&q={field}=scikit-learn").json()
        assert [row["name"] for row in rows] == names


@pytest.mark.parametrize(
    ("address", "export"), [("/ui/executions", "executions"), ("/ui/artifacts?tab=stored", "artifacts"), ("/ui/artifacts", "collections")]
)
def test_keys_of_the_rows_become_columns_and_go_along_into_exports(client: PageClient, address: str, export: str) -> None:
    joint = "&" if "?" in address else "?"
    page = client.get(f"{address}{joint}n=200").text
    offered = [unescape(name) for name in re.findall(r'<li data-column="([^"]+)"', page)]
    assert len(offered) > 1
    prefixes = ("in.", "out.", "metric.") if export == "executions" else ("meta.",)
    assert all(name.startswith(prefixes) for name in offered)
    chosen = [next(name for name in offered if name.startswith(prefix)) for prefix in prefixes]
    wanted = "&".join(f"column={quote(name)}" for name in (*chosen, "meta.unheard"))
    shown = client.get(f"{address}{joint}n=200&columns=chosen&{wanted}").text
    head = shown.partition("<thead>")[2].partition("</thead>")[0]
    keys = [unescape(key) for key in re.findall(r'<th scope="col"[^>]* data-key="([^"]+)"><a class="sort"', head)]
    place = keys.index(chosen[0])
    assert place <= 3, "what was chosen stands where it is seen, behind what says which row it is and how it went"
    assert keys[place : place + len(chosen) + 1] == [*chosen, "meta.unheard"]
    fields = re.search(r'data-fields="([^"]*)"', shown)[1].split()  # type: ignore[index]
    assert set(fields) > {*chosen}
    for name in chosen:
        assert f'title="{escape(name)}' in shown.partition("<tbody>")[2], name
    rows = client.get(f"/ui/export/{export}?format=json&columns=chosen&{wanted}").json()
    for name in chosen:
        assert any(row[f"value.{name}"] is not None for row in rows), name
    assert all(row["value.meta.unheard"] is None for row in rows)


def test_objects_within_values_are_columns_by_their_path() -> None:
    assert named("meta", {"a": {"b": {"c": {"d": 1}}}, "e": {}, "f": [1]}) == {"meta.a.b.c": {"d": 1}, "meta.e": {}, "meta.f": [1]}
    assert chosen_keys(QueryParams("column=a")) == []
    assert chosen_keys(QueryParams("columns=chosen&column=a&column=&column=b&column=a")) == ["a", "b"]


def test_rows_of_recurring_runs_offer_what_can_be_done_to_one_and_say_what_never_ran(client: PageClient) -> None:
    page = client.get("/ui/recurring?n=200").text
    rows = dict(re.findall(r'<tr id="row-(rec-[^"]+)">(.*?)</tr>', page, re.DOTALL))
    assert 'href="/ui/runs/new?edit=rec-nightly"' in rows["rec-nightly"]
    assert "/ui/runs/new?edit=" not in rows["rec-webhook"]
    assert all('name="verb" value="run"' in row and 'name="verb" value="delete"' in row for row in rows.values())
    assert any('class="dots"' in row for row in rows.values()) or all("never run" in row for row in rows.values())
    assert all(('class="dots"' in row) != ("never run" in row) for row in rows.values())


@pytest.mark.parametrize("template", sorted((HERE / "templates").rglob("*.html")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_times_stand_at_the_left_of_their_columns_in_every_table(template: Path) -> None:
    assert not re.findall(r'<td class="[^"]*\b(?:right|num)\b[^"]*">\{\{ time\([^}]*', template.read_text())


@pytest.mark.parametrize(("address", "row"), [("/ui/executions", "execution"), ("/ui/artifacts?tab=stored", "artifact")])
def test_long_numbers_are_shown_by_their_end_and_copied_whole(client: PageClient, address: str, row: str) -> None:
    page = client.get(address).text.partition("<tbody>")[2]
    whole = re.findall(r'<td class="num stack-hide faint"><button [^>]*data-copy="(\d+)"[^>]*><span class="cut mono">([^<]*)</span>', page)
    assert len(whole) == page.count(f'id="{row}-')
    assert all(shown == (digits if len(digits) <= 8 else f"…{digits[-6:]}") for digits, shown in whole)
