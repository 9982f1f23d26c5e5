"""`{{...}}` tags: what they lower to, what stays as it is."""

from __future__ import annotations

import pytest

from penstock.domain.expr import Const, Format, Index, LoopItem, RunField, ScopeInput, TaskOutput
from penstock.spec.argo.text import created_text, duration_seconds, iso_duration_seconds, run_fields, substitute, text_expr


def test_plain_text_is_a_constant() -> None:
    assert text_expr("hello") == Const("hello")
    assert text_expr("") == Const("")


def test_known_tags_become_references_between_constant_parts() -> None:
    assert text_expr("a {{inputs.parameters.x}} b {{tasks.t.outputs.parameters.t-out}}") == Format(
        (Const("a "), ScopeInput("x"), Const(" b "), TaskOutput("t", "t-out"))
    )


@pytest.mark.parametrize(
    ("tag", "expr"),
    [
        ("item", LoopItem()),
        ("item.lr", Index(LoopItem(), Const("lr"))),
        ("workflow.uid", RunField("run_id")),
        ("workflow.name", RunField("resource_name")),
        ("workflow.parameters.n", RunField("parameter:n")),
        ("workflow.annotations.pipelines.kubeflow.org/run_name", RunField("run_name")),
        ("workflow.status", RunField("status")),
        ("workflow.duration", RunField("duration")),
        ("workflow.serviceAccountName", RunField("service_account")),
        ("workflow.parameters", RunField("parameters")),
        ("workflow.creationTimestamp.Y", RunField("create_time:%Y")),
    ],
)
def test_every_scope_has_its_reference(tag: str, expr: object) -> None:
    assert text_expr("{{" + tag + "}}") == Format((expr,))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["{{$}}", "{{$.inputs.parameters['x']}}", "{{ user.name }}", "{% if x %}{{ y }}"])
def test_tags_that_argo_does_not_know_stay(text: str) -> None:
    assert text_expr(text) == Const(text)
    assert substitute(text, lambda _: None) == text


def test_non_strings_become_compact_json() -> None:
    assert text_expr({"a": 1, "b": [True]}) == Const('{"a":1,"b":[true]}')


def test_inserted_values_are_not_scanned_again() -> None:
    values = {"a": "{{b}}", "b": "no"}
    assert substitute(["{{a}}", {"k-{{b}}": "x{{a}}"}], values.get) == ["{{b}}", {"k-no": "x{{b}}"}]


@pytest.mark.parametrize(
    ("part", "text"),
    [("", "2026-01-31T10:05:09Z"), (".RFC3339", "2026-01-31T10:05:09Z"), (".Y", "2026"), (".B", "January"), (".M", "05"), (".s", "1769853909")],
)
def test_parts_of_the_time_of_creation(part: str, text: str) -> None:
    assert created_text(f"workflow.creationTimestamp{part}", 1769853909.5) == text


def test_other_tags_say_nothing_of_the_time_of_creation() -> None:
    assert created_text("workflow.creationTimestamp.q", 0.0) is None


@pytest.mark.parametrize(("text", "seconds"), [("30", 30.0), (5, 5.0), ("1m30s", 90.0), ("2h", 7200.0), ("500ms", 0.5), ("soon", None)])
def test_durations(text: object, seconds: float | None) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(("text", "seconds"), [("P0D", 0.0), ("P1DT2H", 93600.0), ("PT30S", 30.0), ("P", None), ("1 day", None)])
def test_iso_durations(text: str, seconds: float | None) -> None:
    assert iso_duration_seconds(text) == seconds


def test_facts_of_the_run_are_found_wherever_they_stand() -> None:
    text = {"args": ["x {{workflow.uid}}", {"deep": "{{workflow.parameters.p}} {{inputs.parameters.q}} {{ unknown }}"}]}
    assert run_fields(text) == ("parameter:p", "run_id")
