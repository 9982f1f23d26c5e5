"""What the bulk bars of executions and artifacts do with the rows picked, and how they say for which it did not work."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from penstock.domain.errors import ConflictError
from penstock.domain.ids import Digest
from penstock.domain.versions import ManifestEntry
from penstock.interfaces.artifact_notes import NoteChange
from penstock.server.page_actions import RunForms
from penstock.web.comparisons.versions import compare_documents
from penstock.web.pages.compare.artifacts import FileList
from penstock.web.pages.compare.tasks import row_of
from penstock.web.render import NOTICE_COOKIE, Notice, redirect
from penstock.web.services.undoing import Undoing
from tests.browser.app import SeededApp
from tests.unit.web.conftest import PageClient

OURS = {"origin": "http://testserver"}


def rows_of(page: str) -> list[str]:
    """Names of the rows that can be picked."""
    return re.findall(r'<td class="pick"><input type="checkbox" name="id" value="([^"]+)"', page)


def send(client: PageClient, address: str, **form: Any) -> Any:
    """Send a bulk bar."""
    return client.post(address, data=form, headers=OURS)


def test_the_runs_of_picked_executions_are_compared_each_once(client: PageClient) -> None:
    rows = rows_of(client.get("/ui/executions?q=status:failed").text)
    runs = {row.partition("/")[0] for row in rows}
    answer = send(client, "/ui/executions/actions", verb="compare", id=[*rows, rows[0]])
    assert urlsplit(answer.headers["location"]).path == "/ui/compare"
    assert set(parse_qs(urlsplit(answer.headers["location"]).query)["runs"][0].split(",")) == runs


def test_picked_tasks_of_a_run_are_laid_side_by_side_and_what_failed_is_retried(seeded: SeededApp, client: PageClient) -> None:
    run = seeded.runs["failed"]
    page = client.get(f"/ui/runs/{run}?view=tasks&sort=-attempts").text
    rows = rows_of(page)
    assert len(rows) > 2
    head = page.partition('data-table="tasks"')[2].partition("</thead>")[0]
    assert head.count('class="sort"') == head.count("<th ") == 7
    answer = send(client, "/ui/executions/actions", verb="tasks", id=rows[:2], next=f"/ui/runs/{run}?view=tasks")
    assert answer.headers["location"].startswith("/ui/executions/compare?tasks=")
    shown = client.get(answer.headers["location"]).text
    for row in rows[:2]:
        assert f'href="/ui/runs/{run}?task={row.partition("/")[2]}"' in shown
    assert "is-different" in shown
    answer = send(client, "/ui/executions/actions", verb="tasks", id=rows[:1], next=f"/ui/runs/{run}?view=tasks")
    assert answer.headers["location"] == f"/ui/runs/{run}?view=tasks"
    seeded.actions.calls.clear()
    send(client, "/ui/executions/actions", verb="retry", id=rows[:3], next=f"/ui/runs/{run}?view=tasks")
    assert seeded.actions.calls == [("retry_run", (run,))]
    assert client.get(f"/ui/executions/compare?tasks={rows[0]}").status_code == 400
    assert client.get(f"/ui/executions/compare?tasks={rows[0]},{run}/none").status_code == 404


def test_rows_of_flows_name_their_run_although_its_id_has_a_slash() -> None:
    assert row_of("Train/12/Train/12/start/3") == ("Train/12", "Train/12/start/3")
    assert row_of("run-1/task-1") == ("run-1", "task-1")


def test_as_many_rows_are_taken_as_can_be_picked_in_a_list_that_went_on(seeded: SeededApp, client: PageClient) -> None:
    seeded.actions.calls.clear()
    ids = [f"run-{number}" for number in range(3000)]
    send(client, "/ui/runs/actions", verb="archive", id=ids, next="/ui/runs")
    assert [arguments[0] for _, arguments in seeded.actions.calls] == ids


@pytest.mark.parametrize(("verb", "asked"), [("retry", "retry_run"), ("terminate", "terminate_run")])
def test_all_executions_that_match_stand_for_their_runs(seeded: SeededApp, client: PageClient, verb: str, asked: str) -> None:
    rows = rows_of(client.get("/ui/executions?q=status:failed&n=200").text)
    seeded.actions.calls.clear()
    send(client, "/ui/executions/actions", verb=verb, matching="1", next="/ui/executions?q=status:failed&n=25")
    assert seeded.actions.calls != []
    assert sorted(seeded.actions.calls) == sorted({(asked, (row.partition("/")[0],)) for row in rows})


@pytest.mark.parametrize(
    ("name", "verb", "asked", "q"),
    [
        ("pipelines", "delete", "delete_pipeline", "digits"),
        ("experiments", "archive", "archive_experiment", ""),
        ("recurring", "disable", "disable_recurring", "kind:event"),
    ],
)
def test_all_rows_of_a_list_that_match_are_taken(seeded: SeededApp, client: PageClient, name: str, verb: str, asked: str, q: str) -> None:
    rows = rows_of(client.get(f"/ui/{name}?n=200&q={q}").text)
    assert rows
    seeded.actions.calls.clear()
    send(client, f"/ui/{name}/actions", verb=verb, matching="1", next=f"/ui/{name}?q={q}&n=25&sort=name")
    assert sorted(seeded.actions.calls) == sorted((asked, (row,)) for row in rows)


def test_executions_are_not_deleted_archived_or_taken_from_other_pages(seeded: SeededApp, client: PageClient) -> None:
    seeded.actions.calls.clear()
    for verb in ("delete", "archive", "rename", ""):
        send(client, "/ui/executions/actions", verb=verb, id="some-run/some-task")
    assert seeded.actions.calls == []
    assert client.post("/ui/executions/actions", data={"verb": "retry", "id": "a/b"}).status_code == 403


def test_picked_artifacts_come_as_one_archive_with_their_own_bytes(seeded: SeededApp, client: PageClient) -> None:
    rows = rows_of(client.get("/ui/artifacts?tab=stored&n=200").text)
    answer = send(client, "/ui/artifacts/actions", verb="download", id=rows)
    assert answer.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    found = {}
    for name in archive.namelist():
        artifact_id = name.partition("-")[0]
        found[artifact_id] = archive.read(name)
    assert set(found) <= set(rows)
    assert len(found) > 3
    for artifact_id, data in found.items():
        assert client.get(f"/ui/artifacts/{artifact_id}/download").content == data


def test_two_artifacts_are_laid_beside_each_other_and_no_other_number(seeded: SeededApp, client: PageClient) -> None:
    rows = rows_of(client.get("/ui/artifacts?tab=stored&q=type:Dataset&n=200").text)
    answer = send(client, "/ui/artifacts/actions", verb="compare", id=rows[:2], next="/ui/artifacts?tab=stored")
    address = answer.headers["location"]
    assert urlsplit(address).path == "/ui/artifacts/compare"
    page = client.get(address).text
    for row in rows[:2]:
        assert f'href="/ui/artifacts/{row}"' in page
    overview = page.partition('aria-label="Overview"')[2].partition("</table>")[0]
    assert re.search(r'Type</th><td class="wrap"[^>]*>Dataset</td>', overview)
    assert re.search(r'Created</th><td class="wrap"[^>]*><time datetime="[^"]+" data-ago', overview)
    for some in (rows[:1], rows[:3]):
        answer = send(client, "/ui/artifacts/actions", verb="compare", id=some, next="/ui/artifacts?tab=stored")
        assert answer.headers["location"] == "/ui/artifacts?tab=stored"
    assert client.get("/ui/artifacts/compare?a=artifact:1&b=artifact:2").status_code == 404
    assert client.get("/ui/artifacts/compare?a=run:1&b=version:x").status_code == 400


def test_a_comparison_tells_equal_from_changed_files() -> None:
    same, old, new = (str(Digest(f"sha256:{letter * 64}")) for letter in "abc")
    before = FileList([ManifestEntry("data.csv", old, 10), ManifestEntry("notes.txt", same, 5)])
    after = FileList([ManifestEntry("data.csv", new, 12), ManifestEntry("notes.txt", same, 5), ManifestEntry("x.bin", same, 5)])
    diff = compare_documents(before, after, {"rows": 10}, {"rows": 12})
    assert (diff.added, diff.changed, diff.removed, diff.same, diff.same_bytes) == (1, 1, 0, 1, 5)
    assert [(row.key, list(row.values)) for row in diff.metadata] == [("rows", [10, 12])]


BULK: tuple[tuple[str, str, str], ...] = (
    *(("runs", verb, "run") for verb in ("tag", "move", "retry", "terminate", "pause", "unpause", "archive", "unarchive", "delete")),
    *(("executions", verb, "run") for verb in ("retry", "terminate")),
    *(("experiments", verb, "experiment") for verb in ("archive", "unarchive", "delete")),
    ("pipelines", "delete", "pipeline"),
    *(("recurring", verb, "recurring") for verb in ("enable", "disable", "delete")),
)
"""(list, verb of its bulk bar, noun that is acted on)."""


@pytest.mark.parametrize(("name", "verb", "noun"), BULK)
def test_a_bulk_action_says_for_which_rows_it_did_not_work(
    seeded: SeededApp, client: PageClient, monkeypatch: pytest.MonkeyPatch, name: str, verb: str, noun: str
) -> None:
    done: list[str] = []

    async def refuse_some(subject: str, *_: Any, **__: Any) -> None:
        if subject.startswith("bad"):
            raise ConflictError("it does not go")
        done.append(subject)

    actions = {"run": seeded.actions.runs, "experiment": seeded.actions.experiments, "pipeline": seeded.actions.pipelines, "recurring": seeded.actions.recurring_runs}
    monkeypatch.setattr(actions[noun], verb, refuse_some, raising=False)
    rows = ["good-1", "bad-1", "good-2", "bad-2"]
    sent = [f"{row}/task" for row in rows] if name == "executions" else rows
    answer = send(client, f"/ui/{name}/actions", verb=verb, id=sent, tags="a=b", experiment="Default", next=f"/ui/{name}")
    assert done == ["good-1", "good-2"]
    page = client.get(f"/ui/{name}", headers={"cookie": answer.headers["set-cookie"].partition(";")[0]}).text
    assert re.search(r"2 of 4", page)
    listed = re.findall(r"<li>([^<]*it does not go[^<]*)", page)
    assert [line.partition(":")[0] for line in listed] == ["bad-1", "bad-2"]


@pytest.mark.parametrize("verb", ["tag", "delete"])
def test_all_artifacts_that_match_are_taken_and_those_that_refuse_are_listed(
    seeded: SeededApp, client: PageClient, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    done: list[str] = []

    class Trash:
        """Stands for the trash: takes even numbers."""

        keep_seconds = 0.0

        def new_batch(self) -> str:
            return "b"

    async def take(*given: Any, **_: Any) -> Any:
        subject = next(str(one) for one in given if str(one).isdecimal())
        if int(subject) % 2:
            raise ConflictError("it does not go")
        done.append(subject)
        return SimpleNamespace(title=subject, batch="b")

    async def note(_: int) -> Any:
        return SimpleNamespace(description="", aliases=(), tags=(), ttl_seconds=None)

    rows = rows_of(client.get("/ui/artifacts?tab=stored&n=200").text)
    trash = Trash()
    trash.put = take  # type: ignore[attr-defined]
    monkeypatch.setattr("penstock.web.pages.artifacts.actions.MOST_DOWNLOADED", 3)
    # The services are one frozen value that the routes hold: its parts are put in by force, and taken out again.
    before = {name: getattr(seeded.services, name) for name in ("notes", "trash")}
    object.__setattr__(seeded.services, "notes", SimpleNamespace(note=note, edit=take))
    object.__setattr__(seeded.services, "trash", trash)
    try:
        answer = send(client, "/ui/artifacts/actions", verb=verb, tags="gold", matching="1", next="/ui/artifacts?tab=stored&n=25")
    finally:
        for name, value in before.items():
            object.__setattr__(seeded.services, name, value)
    told = unquote(answer.headers["set-cookie"])
    assert sorted(done, key=int) == sorted((row for row in rows if int(row) % 2 == 0), key=int)
    assert f"{len(done)} of {len(rows)}" in told
    assert re.search(r"\d*[13579]: it does not go", told)


def test_a_notice_lists_what_did_not_work_and_stays_within_a_cookie(seeded: SeededApp, client: PageClient) -> None:
    problems = [f"run-{number}: 실행이 이미 끝났습니다, because <b>{number}</b>" for number in range(5000)]
    answer = redirect("/ui/runs", Notice("Retried 0 of 5000 runs.", "error", problems=problems))
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert len(cookie) < 4096
    page = client.get("/ui/runs", headers={"cookie": cookie}).text
    listed = re.findall(r"<li>(run-\d+: [^<]*)", page)
    assert 3 < len(listed) <= 20
    assert f"and {5000 - len(listed)} more" in page
    assert "&lt;b&gt;0&lt;/b&gt;" in page
    assert NOTICE_COOKIE in cookie


def undo_of(page: str) -> tuple[str, dict[str, str]]:
    """Address and fields of the form that a page offers to take back what was done."""
    form = re.search(r'<form method="post" action="([^"]+)">((?:<input type="hidden"[^>]*>)+)<button class="button small">Undo', page)
    assert form is not None, page
    return form[1], dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form[2]))


@pytest.mark.parametrize(("name", "verb", "back"), [
    ("runs", "archive", "unarchive"), ("runs", "unarchive", "archive"), ("runs", "pause", "unpause"),
    ("experiments", "archive", "unarchive"), ("experiments", "unarchive", "archive"), ("recurring", "enable", "disable"), ("recurring", "disable", "enable"),
])  # fmt: skip
def test_what_was_done_to_many_is_taken_back_for_those_it_worked_for_once(
    seeded: SeededApp, client: PageClient, monkeypatch: pytest.MonkeyPatch, name: str, verb: str, back: str
) -> None:
    async def refuse_bad(subject: str) -> None:
        if subject == "bad":
            raise ConflictError("it does not go")

    actions = {"runs": seeded.actions.runs, "experiments": seeded.actions.experiments, "recurring": seeded.actions.recurring_runs}[name]
    monkeypatch.setattr(actions, verb, refuse_bad, raising=False)
    answer = send(client, f"/ui/{name}/actions", verb=verb, id=["one", "bad", "two"], next=f"/ui/{name}?q=x")
    address, fields = undo_of(client.get(f"/ui/{name}", headers={"cookie": answer.headers["set-cookie"].partition(";")[0]}).text)
    assert (address, fields["verb"], fields["next"], "id" in fields) == (f"/ui/{name}/actions", back, f"/ui/{name}?q=x", False)
    seeded.actions.calls.clear()
    answer = send(client, address, **fields)
    assert answer.headers["location"] == f"/ui/{name}?q=x"
    assert [given[0] for _, given in seeded.actions.calls] == ["one", "two"]
    assert {called.split("_")[0] for called, _ in seeded.actions.calls} == {back}
    assert "2 of 2" in unquote(answer.headers["set-cookie"])
    answer = send(client, address, **fields)
    assert "This cannot be undone any more." in unquote(answer.headers["set-cookie"])
    assert len(seeded.actions.calls) == 2


def test_runs_of_flows_among_others_say_that_they_are_of_flows(seeded: SeededApp, client: PageClient) -> None:
    good = seeded.runs["good"]
    for verb in ("archive", "retry", "tag"):
        seeded.actions.calls.clear()
        answer = send(client, "/ui/runs/actions", verb=verb, id=[good, "LoadFlow/2"], tags="team=a", next="/ui/runs")
        assert [given[0] for _, given in seeded.actions.calls] == [good]
        korean = client.get("/ui/runs", headers={"cookie": answer.headers["set-cookie"].partition(";")[0], "accept-language": "ko"}).text
        assert "LoadFlow/2 실행은 플로 실행입니다" in korean, verb
    answer = send(client, "/ui/runs/actions", verb="clone", id=["LoadFlow/2"], next="/ui/runs")
    assert answer.headers["location"] == "/ui/runs"
    assert "run LoadFlow/2 is one of a flow" in unquote(answer.headers["set-cookie"])


def test_moved_runs_go_back_where_each_was(seeded: SeededApp, client: PageClient, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(client.get("/ui/runs?n=200").text)
    homes = {run_id: re.findall(r"/ui/experiments/([^\"?]+)", client.get(f"/ui/runs/{run_id}").text) for run_id in rows[:2]}
    moved: list[tuple[str, str]] = []

    async def move(run_id: str, experiment_id: str) -> None:
        moved.append((run_id, experiment_id))

    monkeypatch.setattr(seeded.actions.runs, "move", move, raising=False)
    answer = send(client, "/ui/runs/actions", verb="move", id=[*rows[:2], "unknown"], experiment="Default", next="/ui/runs")
    address, fields = undo_of(client.get("/ui/runs", headers={"cookie": answer.headers["set-cookie"].partition(";")[0]}).text)
    moved.clear()
    send(client, address, **fields)
    assert [run_id for run_id, _ in moved] == rows[:2]
    assert all(home in homes[run_id] for run_id, home in moved)


def test_tags_are_taken_off_the_runs_that_did_not_have_them(seeded: SeededApp, client: PageClient) -> None:
    tags: dict[str, dict[str, str]] = {"had": {"team": "a", "old": "1"}, "bare": {}}

    class Tagged:
        async def runs(self, ids: list[str]) -> list[Any]:
            return [SimpleNamespace(run_id=one, name=one, tags=tags[one]) for one in ids]

    def tag(*ids: str, words: str) -> tuple[str, dict[str, str]] | None:
        before = seeded.services.runs
        object.__setattr__(seeded.services, "runs", Tagged())
        try:
            answer = send(client, "/ui/runs/actions", verb="tag", id=ids, tags=words, next="/ui/runs?q=x")
        finally:
            object.__setattr__(seeded.services, "runs", before)
        page = client.get("/ui/runs", headers={"cookie": answer.headers["set-cookie"].partition(";")[0]}).text
        return undo_of(page) if ">Undo<" in page else None

    def take_back(undo: tuple[str, dict[str, str]] | None) -> str:
        assert undo is not None
        seeded.actions.calls.clear()
        return unquote(send(client, undo[0], **undo[1]).headers["set-cookie"])

    def fields_of(undo: tuple[str, dict[str, str]] | None) -> dict[str, str]:
        assert undo is not None
        return undo[1]

    undo = tag("had", "bare", words="team=a, new")
    assert undo is not None
    assert (undo[0], undo[1]["verb"], undo[1]["next"]) == ("/ui/runs/actions", "untag", "/ui/runs?q=x")
    assert "Tags taken off 2 of 2 runs." in take_back(undo)
    assert seeded.actions.calls == [("untag_run", ("had", {"new": ""}, {})), ("untag_run", ("bare", {"team": "a", "new": ""}, {}))]
    assert "This cannot be undone any more." in take_back(undo)
    assert seeded.actions.calls == []
    answer = send(client, "/ui/runs/actions", **fields_of(tag("had", "bare", words="team=a, new")))
    assert "Tagged 2 of 2 runs." in take_back(undo_of(client.get("/ui/runs", headers={"cookie": answer.headers["set-cookie"].partition(";")[0]}).text))
    assert seeded.actions.calls == [("tag_run", ("had", {"new": ""})), ("tag_run", ("bare", {"team": "a", "new": ""}))]
    assert "Tags taken off." in take_back(tag("had", words="team=b"))
    assert seeded.actions.calls == [("untag_run", ("had", {"team": "b"}, {"team": "a"}))]
    assert tag("had", words="team=a") is None
    seeded.actions.calls.clear()
    send(client, "/ui/runs/actions", verb="untag", id="had", tags="team")
    assert seeded.actions.calls == []


async def test_a_tag_says_again_what_it_did_unless_somebody_changed_it_since() -> None:
    tags: dict[str, str] = {}

    class Runs:
        async def get(self, run_id: str) -> Any:
            return SimpleNamespace(run_id=run_id, tags=dict(tags))

        async def update(self, run_id: str, *, tags: dict[str, str]) -> None:
            del run_id
            now.clear()
            now.update(tags)

    now = tags
    forms = RunForms(cast("Any", Runs()), cast("Any", None), cast("Any", None))
    tags.update({"team": "b", "new": "", "kept": "1", "changed": "c"})
    await forms.untag("r", {"team": "b", "new": "", "changed": "b", "gone": ""}, {"team": "a", "changed": "a"})
    assert now == {"team": "a", "kept": "1", "changed": "c"}


def test_tags_of_stored_artifacts_are_taken_off_those_that_did_not_have_them(seeded: SeededApp, client: PageClient) -> None:
    notes, (first, second) = seeded.services.notes, (int(row) for row in rows_of(client.get("/ui/artifacts?tab=stored").text)[:2])
    asyncio.run(notes.edit(first, NoteChange("kept", (), ["gold"], None), by="ann", at=0.0))
    answer = send(client, "/ui/artifacts/actions", verb="tag", id=[first, second], tags="gold, new", next="/ui/artifacts?tab=stored")
    assert list(asyncio.run(notes.note(second)).tags) == ["gold", "new"]
    address, fields = undo_of(client.get("/ui/runs", headers={"cookie": answer.headers["set-cookie"].partition(";")[0]}).text)
    answer = send(client, address, **fields)
    assert "Tags taken off 2 of 2." in unquote(answer.headers["set-cookie"])
    assert [(list(note.tags), note.description) for note in (asyncio.run(notes.note(one)) for one in (first, second))] == [(["gold"], "kept"), ([], "")]
    assert "This cannot be undone any more." in unquote(send(client, address, **fields).headers["set-cookie"])
    for verb, left in (("retag", [["gold", "new"], ["gold", "new"]]), ("untag", [["gold"], []])):
        address, fields = undo_of(client.get("/ui/runs", headers={"cookie": answer.headers["set-cookie"].partition(";")[0]}).text)
        assert fields["verb"] == verb
        answer = send(client, address, **fields)
        assert [sorted(asyncio.run(notes.note(one)).tags) for one in (first, second)] == left
    asyncio.run(notes.edit(first, NoteChange("", (), (), None), by="ann", at=0.0))


@pytest.mark.parametrize(
    ("address", "form", "sentence"),
    [
        ("/ui/runs/actions", {"verb": "tag", "id": "r", "tags": " , "}, "Name the tag to add: KEY or KEY=VALUE."),
        ("/ui/runs/actions", {"verb": "move", "id": "r"}, "Choose the experiment to move to."),
        ("/ui/artifacts/actions", {"verb": "tag", "id": "1"}, "Name the tag to add."),
        ("/ui/artifacts/actions", {"verb": "compare", "id": "1"}, "Two artifacts stand beside each other: pick two."),
        ("/ui/artifacts/collections/actions", {"verb": "tag", "id": "collection:1"}, "Name the tag to add."),
        ("/ui/executions/actions", {"verb": "tasks", "id": "r/t"}, "Pick two tasks or more."),
    ],
)
def test_what_a_bulk_bar_lacks_is_said_where_the_rows_stay_picked(client: PageClient, address: str, form: dict[str, str], sentence: str) -> None:
    told = client.post(address, data=form, headers={**OURS, "x-form": "1"})
    assert told.json()["problem"] == sentence
    told = client.post(address, data=form, headers={**OURS, "x-form": "1", "accept-language": "ko"})
    assert re.search("[가-힣]", told.json()["problem"])
    assert sentence in unquote(send(client, address, **form).headers["set-cookie"])


def test_only_who_did_it_takes_it_back_and_old_ones_are_forgotten() -> None:
    undoing = Undoing()
    first, other = undoing.keep("ann", {"a": ""}), undoing.keep("bob", {"b": ""})
    assert undoing.take("bob", first) == {}
    assert undoing.take("ann", "nothing") == {}
    names = [undoing.keep("ann", {str(number): ""}) for number in range(60)]
    assert undoing.take("ann", first) == {}
    assert undoing.take("ann", names[-1]) == {"59": ""}
    assert undoing.take("ann", names[-1]) == {}
    assert undoing.take("bob", other) == {"b": ""}  # however busy ann is
