"""The form of a new run: what an empty field means, what may be chosen, and what a schedule keeps when its whole form is saved."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from starlette.datastructures import FormData

from penstock.domain.catalog import Trigger
from penstock.domain.errors import ConflictError, InvalidArgumentError
from penstock.domain.ids import ExperimentId, PipelineId
from penstock.domain.plan import ParameterSpec, ParameterType
from penstock.pipelines.recurring_runs import RecurringRequest
from penstock.pipelines.runs import RunRequest
from penstock.server.page_actions import RecurringRunForms
from penstock.stores.sql import pages_catalog
from penstock.web.pages.catalog import pipelines
from penstock.web.pages.catalog.new_run import trigger_of
from penstock.web.pages.catalog.parameter_fields import converted, fields_of, parameters_of, value_of, yaml_of
from penstock.web.texts.formats import period
from tests.browser.app import SeededApp
from tests.unit.web.conftest import PageClient

OWN = {"origin": "http://testserver"}
TEXTS = {
    "mode": ParameterSpec("mode", ParameterType.STRING, default="fast"),
    "note": ParameterSpec("note", ParameterType.STRING, default=""),
    "rows": ParameterSpec("rows", ParameterType.NUMBER_INTEGER, default=10),
}


def _form(**values: str) -> FormData:
    kinds = {f"type:{name}": str(spec.type) for name, spec in TEXTS.items()}
    texts = {f"default:{field.name}": field.default for field in fields_of(TEXTS, {}) if field.is_empty_text}
    return FormData({**kinds, **texts, **values})


def test_a_text_that_is_emptied_is_an_empty_text_where_the_default_is_another() -> None:
    emptied = _form(**{"parameter:mode": "", "parameter:note": "", "parameter:rows": ""})
    assert parameters_of(emptied) == {"mode": ""}
    assert [field.is_empty_text for field in fields_of(TEXTS, {})] == [True, False, False]
    assert fields_of(TEXTS, {"note": ""})[1].is_empty_text


def test_parameters_that_yaml_leaves_out_are_not_emptied_by_the_switch_to_the_form() -> None:
    written = _form(mode="yaml", yaml="rows: 3")
    assert converted(written) == {"fields": {"mode": "fast", "note": "", "rows": "3"}}
    assert converted(_form(mode="yaml", yaml="mode: ''"))["fields"]["mode"] == ""


def test_a_value_that_is_none_of_the_choices_can_be_kept() -> None:
    choice = {"mode": ParameterSpec("mode", ParameterType.STRING, default="a", literals=("a", "b"))}
    assert list(fields_of(choice, {"mode": "c"})[0].choices) == ["c", "a", "b"]
    optional = {"mode": replace(choice["mode"], default=None, is_optional=True)}
    assert list(fields_of(optional, {})[0].choices) == ["", "a", "b"]


def test_periods_are_said_exactly_and_read_back() -> None:
    said = {100: ("100", "seconds"), 90: ("90", "seconds"), 300: ("5", "minutes"), 5400: ("90", "minutes"), 86_400: ("1", "days"), 1_209_600: ("2", "weeks")}
    for seconds, (count, unit) in said.items():
        assert period(seconds) == (count, unit)
        assert trigger_of(FormData({"trigger": "period", "every": count, "unit": unit}))["interval_seconds"] == seconds
    assert period(None) == ("1", "hours")


def test_a_pipeline_shows_more_versions_than_it_lists(client: PageClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_catalog, "LISTED_VERSIONS", 1)
    monkeypatch.setattr(pipelines, "LISTED_VERSIONS", 1)
    newest = client.get("/ui/pipelines/pipe-digits?tab=versions").text
    assert re.findall(r'name="b" value="(ver-\d)"', newest) == ["ver-2"]
    assert '<span class="count">2</span>' in newest
    earlier = re.findall(r'<a href="([^"]+)">Earlier</a>', newest)[0].replace("&amp;", "&")
    assert re.findall(r'name="b" value="(ver-\d)"', client.get(earlier).text) == ["ver-1"]
    assert client.get("/ui/pipelines/pipe-digits?version=ver-1").status_code == 200
    assert client.get("/ui/pipelines/pipe-digits?version=ver-add").status_code == 404
    assert "ver-1" in client.get("/ui/pipelines/pipe-digits?tab=versions&a=ver-1&b=ver-2").text
    assert '<option value="ver-1" selected>' in client.get("/ui/runs/new?pipeline=pipe-digits&version=ver-1").text
    assert client.get("/ui/pipelines/pipe-digits?tab=versions&a=ver-add&b=ver-2").status_code == 404


def test_a_value_without_a_default_to_differ_from_is_not_marked() -> None:
    must = {"must": ParameterSpec("must", ParameterType.STRING)}
    assert not fields_of(must, {"must": "a"})[0].is_changed
    assert fields_of(TEXTS, {"mode": "slow"})[0].is_changed


def test_a_clone_can_take_the_latest_version(client: PageClient, seeded: SeededApp) -> None:
    address = f"/ui/runs/new?clone={seeded.runs['good']}"
    assert '<option value="ver-2" selected>' in client.get(address).text
    assert '" selected>v' not in client.get(f"{address}&version=").text


def test_a_clone_of_a_run_whose_version_was_deleted_runs_what_the_run_had(
    client: PageClient, seeded: SeededApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = seeded.services.catalog
    known = catalog.pipeline

    async def without_it(pipeline_id: str, **asked: Any) -> Any:
        view = await known(pipeline_id, **asked)
        return None if view is None else replace(view, versions=[one for one in view.versions if one.pipeline_version_id != "ver-2"])

    monkeypatch.setattr(catalog, "pipeline", without_it)
    clone = f"/ui/runs/new?clone={seeded.runs['good']}"
    page = client.get(clone).text
    assert "this runs the definition that the cloned run had" in page
    assert re.search(r'name="spec_digest" value="\w', page), "the form names the definition of the run"
    assert '<option value="pipe-digits" selected>' not in page
    chosen = client.get(f"{clone}&pipeline=pipe-digits&version=").text
    assert 'id="gone"' not in chosen
    assert '<option value="pipe-digits" selected>' in chosen
    fixed = client.get(f"{clone}&fix=1").text
    assert 'id="gone"' not in fixed, "who goes on from a failed run takes the newest version"


def test_a_form_for_what_is_not_there_any_more_says_so(client: PageClient) -> None:
    assert "This pipeline is not there any more; choose another one." in client.get("/ui/runs/new?pipeline=gone").text
    assert "This version is not there any more; the latest one is chosen." in client.get("/ui/runs/new?pipeline=pipe-digits&version=gone").text
    assert 'id="gone"' not in client.get("/ui/runs/new?pipeline=pipe-digits").text


def test_without_a_pipeline_the_forms_lead_to_the_upload(client: PageClient, seeded: SeededApp, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(query: Any) -> Any:
        return pages_catalog.Page([], None, 0)

    monkeypatch.setattr(seeded.services.catalog, "list_pipelines", nothing)
    for address in ("/ui/runs/new", "/ui/recurring/new-trigger"):
        text = client.get(address).text
        assert "There is no pipeline yet." in text
        assert 'href="/ui/pipelines#upload"' in text


def test_a_version_without_a_name_is_called_by_the_time(client: PageClient, seeded: SeededApp) -> None:
    form = {"verb": "upload-version", "id": "pipe-digits", "text": "a: 1"}
    assert client.post("/ui/pipelines/actions", data=form, headers=OWN).status_code == 303
    verb, said = seeded.actions.calls[-1]
    assert verb.startswith("upload_version")
    assert re.search(r"version_at_\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(said))


def test_optional_parameters_of_a_definition_are_not_called_required() -> None:
    specs = {"maybe": ParameterSpec("maybe", ParameterType.STRING, is_optional=True), "must": ParameterSpec("must", ParameterType.STRING)}
    assert [row.is_required for row in pipelines.parameter_rows(specs, {})] == [False, True]


def test_the_whole_form_changes_what_a_schedule_runs_and_keeps_the_rest(client: PageClient, seeded: SeededApp) -> None:
    assert seeded.services.automation is not None
    service = seeded.services.automation.recurring_runs
    forms = RecurringRunForms(service, UTC)
    run = RunRequest("hourly", experiment_id=ExperimentId("exp-rates"), pipeline_id=PipelineId("pipe-digits"), pipeline_root="minio://kept/here")
    before = asyncio.run(service.create(RecurringRequest(run, Trigger(interval_seconds=5400), 1, is_enabled=False)))
    identity = before.recurring_run_id
    try:
        text = client.get(f"/ui/runs/new?edit={identity}").text
        assert 'name="pipeline_root" value="minio://kept/here"' in text
        assert '<select id="experiment" name="experiment" disabled>' in text
        assert re.search(r'name="every"[^>]* value="90"', text)
        assert '<option value="minutes" selected>' in text
        wanted = {
            "name": "hourly", "pipeline_id": "pipe-digits", "pipeline_version_id": "ver-1", "parameters": {"rows": 5},
            "pipeline_root": "minio://kept/here", "trigger": {"interval_seconds": 5400}, "max_concurrency": 1, "is_catchup": True,
        }  # fmt: skip
        asyncio.run(forms.update(identity, wanted, by="ann"))
        after = asyncio.run(service.get(identity))
        assert (after.pipeline_version_id, after.pipeline_root, dict(after.parameters)) == ("ver-1", "minio://kept/here", {"rows": 5})
        assert (after.anchored_at, after.experiment_id) == (before.anchored_at, before.experiment_id)
        assert asyncio.run(service.edits(identity))[0].user_name == "ann"
        assert f'name="seen" value="{before.updated_at}"' in text
        with pytest.raises(ConflictError, match="Somebody changed this schedule"):
            asyncio.run(forms.update(identity, wanted | {"name": "late", "seen_at": before.updated_at}, by="bob"))
        asyncio.run(forms.update(identity, wanted | {"name": "seen", "seen_at": after.updated_at}, by="bob"))
        assert asyncio.run(service.get(identity)).display_name == "seen"
    finally:
        asyncio.run(service.delete(identity))


def test_the_next_times_shown_lie_between_start_and_end_on_the_beat_of_the_schedule(client: PageClient, seeded: SeededApp) -> None:
    assert seeded.services.automation is not None
    forms = RecurringRunForms(seeded.services.automation.recurring_runs, UTC)
    bounded = {"cron": "0 * * * * *", "start": 1200.0, "end": 1320.0}
    assert forms.next_fires(bounded, after=1000.0, count=9) == [1200.0, 1260.0, 1320.0]
    assert forms.next_fires(bounded, after=1320.0, count=9) == []
    assert forms.next_fires({"interval_seconds": 3600, "end": 1000.0}, after=1000.0, count=5) == []
    assert forms.next_fires({"interval_seconds": 3600}, after=5000.0, count=2, anchored_at=100.0) == [7300.0, 10900.0]
    assert forms.next_fires({"interval_seconds": 3600, "start": 500.0}, after=5000.0, count=1) == [8600.0], "a start that has passed"


def test_a_schedule_s_page_counts_from_when_it_was_set(client: PageClient, seeded: SeededApp, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asyncio.run(seeded.services.catalog.recurring("rec-nightly"))
    assert found is not None
    asked: list[float | None] = []
    real = seeded.actions.recurring_runs.next_fires

    def spy(trigger: Mapping[str, Any], *, after: float, count: int, anchored_at: float | None = None) -> list[float]:
        asked.append(anchored_at)
        return real(trigger, after=after, count=count, anchored_at=anchored_at)

    monkeypatch.setattr(seeded.actions.recurring_runs, "next_fires", spy)
    client.get("/ui/recurring/rec-nightly")
    assert found[0].is_enabled
    assert set(asked) == {found[0].anchored_at}


def test_a_start_that_has_passed_is_explained_where_the_next_times_are(client: PageClient) -> None:
    form = {"trigger": "period", "every": "1", "unit": "days", "zone": "UTC"}
    told = "does not run for these days, even with catch-up"
    assert told in client.post("/ui/recurring/fires", data=form | {"start": "2020-01-01T00:00"}, headers=OWN).text
    assert told not in client.post("/ui/recurring/fires", data=form | {"start": "2999-01-01T00:00"}, headers=OWN).text
    assert told not in client.post("/ui/recurring/fires", data=form, headers=OWN).text


def test_yaml_of_parameters_is_read_as_that_of_pipelines() -> None:
    read = "day: 2026-01-01\nrow: {2026-01-01: 1, 2: 3}\nkinds: !!set {a}\nraw: !!binary aGVsbG8=\nnone:"
    assert parameters_of(FormData({"mode": "yaml", "yaml": read})) == {
        "day": "2026-01-01", "row": {"2026-01-01": 1, "2": 3}, "kinds": ["a"], "raw": "hello", "none": None,
    }  # fmt: skip
    assert parameters_of(FormData({"mode": "yaml", "yaml": " \n"})) == {}
    bomb = "\n".join([f"a0: &a0 [{','.join('0' * 9)}]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))])
    for text, why in ((bomb, "more than 2,000,000 nodes"), ("- a", "mapping"), ("a: 1\n---\nb: 2", "mapping"), ("a: [", "not valid YAML"), ("a: [.nan]", "a holds a number")):
        with pytest.raises(InvalidArgumentError, match=why):
            parameters_of(FormData({"mode": "yaml", "yaml": text}))


def test_numbers_and_choices_of_yes_and_no_are_read_or_refused() -> None:
    for text, kind, value in (("7.0", "NUMBER_INTEGER", 7), ("1e3", "NUMBER_INTEGER", 1000), ("1e3", "NUMBER_DOUBLE", 1000.0), ("off", "BOOLEAN", False)):
        assert value_of(text, kind, "x") == value
    for text, kind in (
        ("1.5", "NUMBER_INTEGER"), ("1e400", "NUMBER_INTEGER"), ("nan", "NUMBER_DOUBLE"), ("-inf", "NUMBER_DOUBLE"), ("yes please", "BOOLEAN"),
        ("[NaN]", "LIST"), ('{"a": Infinity}', "STRUCT"),
    ):  # fmt: skip
        with pytest.raises(InvalidArgumentError, match="x has to be"):
            value_of(text, kind, "x")


def test_whole_numbers_in_lists_stand_as_people_wrote_them() -> None:
    specs = {"rates": ParameterSpec("rates", ParameterType.LIST, default=[1.0, 2.5, {"a": 3.0}])}
    assert fields_of(specs, {})[0].value == '[1, 2.5, {"a": 3}]'
    assert yaml_of({"rates": [1.0, 2.5], "rate": 1.0}) == "rates:\n- 1\n- 2.5\nrate: 1.0\n"


def test_start_and_plan_are_off_until_there_is_a_pipeline_and_say_why(client: PageClient) -> None:
    for address, count in (("/ui/runs/new", 2), ("/ui/runs/new?pipeline=pipe-digits", 0)):
        page = client.get(address).text
        assert page.count('disabled aria-describedby="start-why">') == count
        assert ("Choose a pipeline first.</span>" in page) is bool(count)
