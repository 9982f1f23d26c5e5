"""What event triggers match, and what they are called."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.ids import RunId
from penstock.domain.triggers import EventKind, EventTrigger
from penstock.pipelines.event_facts import check_facts, known_facts, lack
from penstock.pipelines.event_rules import describe_event, mismatch, refusal, trigger_facts
from penstock.pipelines.macros import MacroValues, SampleFacts, expand_parameters

RUN = {"kind": "run_finished", "pipeline": "train", "state": "SUCCEEDED"}
TRACKED = {"kind": "run_finished", "project": "me/mnist", "state": "SUCCEEDED", "metrics": {"accuracy": 0.93, "flag": True}}


@pytest.mark.parametrize(
    ("fields", "facts", "matches"),
    [
        ({"kind": EventKind.RUN_FINISHED}, RUN, True),
        ({"kind": EventKind.RUN_FINISHED}, TRACKED, False),
        ({"kind": EventKind.RUN_FINISHED, "project": "me/mnist"}, TRACKED, True),
        ({"kind": EventKind.RUN_FINISHED, "project": "me/mnist"}, RUN, False),
        ({"kind": EventKind.RUN_FINISHED, "pipeline": "eval"}, RUN, False),
        ({"kind": EventKind.RUN_FINISHED, "states": ("FAILED",)}, RUN, False),
        ({"kind": EventKind.METRIC, "metric": "accuracy", "threshold": 0.9}, TRACKED, True),
        ({"kind": EventKind.METRIC, "metric": "accuracy", "threshold": 0.93}, TRACKED, False),
        ({"kind": EventKind.METRIC, "metric": "accuracy", "comparison": "<=", "threshold": 0.93}, TRACKED, True),
        ({"kind": EventKind.METRIC, "metric": "flag"}, TRACKED, False),
        ({"kind": EventKind.METRIC, "metric": "loss"}, TRACKED, False),
        ({"kind": EventKind.METRIC, "metric": "accuracy", "pipeline": "train"}, TRACKED, False),
        ({"kind": EventKind.ARTIFACT, "collection": "a/b/c"}, {"collection": "a/b/c", "alias": ""}, True),
        ({"kind": EventKind.ARTIFACT, "collection": "a/b/c"}, {"collection": "a/b/c", "alias": "best"}, False),
        ({"kind": EventKind.ARTIFACT, "collection": "a/b/c", "alias": "best"}, {"collection": "a/b/c", "alias": "best"}, True),
        ({"kind": EventKind.ARTIFACT, "collection": "a/b/c", "alias": "best"}, {"collection": "a/b/d", "alias": "best"}, False),
        ({"kind": EventKind.WEBHOOK}, {}, True),
    ],
)
def test_what_a_trigger_waits_for(fields: dict[str, Any], facts: dict[str, Any], *, matches: bool) -> None:
    assert (mismatch(EventTrigger(**fields), facts) == "") is matches


def test_a_chain_ends_where_the_trigger_stands_too_often() -> None:
    trigger = EventTrigger(EventKind.WEBHOOK, ring_limit=2, max_per_hour=5)
    assert refusal(trigger, "t", chain=["t", "u"], fired_in_hour=4) == ""
    assert "in a chain" in refusal(trigger, "t", chain=["t", "u", "t"], fired_in_hour=0)
    assert "its limit" in refusal(trigger, "t", chain=[], fired_in_hour=5)


def test_every_kind_has_words() -> None:
    words = {describe_event(EventTrigger(kind, collection="a/b/c", metric="loss", path="/data")) for kind in EventKind}
    assert len(words) == len(EventKind)


def test_facts_stand_in_parameters_as_text_and_json() -> None:
    facts = trigger_facts(EventTrigger(EventKind.METRIC, metric="accuracy"), TRACKED) | {"payload": {"a": {"b": [1, 2]}, "t": "x"}}
    given = {"v": "[[Event.value]]", "deep": "[[Event.payload.a.b]]", "t": "<[[Event.payload.t]]>"}
    values = expand_parameters(given, MacroValues(RunId("r"), 0.0, event=facts))
    assert values == {"v": "0.93", "deep": "[1, 2]", "t": "<x>"}
    assert set(expand_parameters(given, MacroValues(RunId("r"), 0.0, event=SampleFacts())).values()) == {"1", "<1>"}
    assert expand_parameters({"v": "[[Event.value]]"}, MacroValues(RunId("r"), 0.0)) == {"v": "[[Event.value]]"}


def test_a_parameter_that_the_event_may_lack_is_left_out() -> None:
    values = MacroValues(RunId("r"), 0.0, event={"payload": {"there": 3}})
    given = {"there": "[[Event?.payload.there]]", "gone": "[[Event?.payload.gone]]", "text": "plain", "part": "<[[Event?.payload.gone]]>"}
    assert expand_parameters(given, values) == {"there": "3", "text": "plain", "part": "<>"}
    assert lack(given, values.event or {}) == ""
    assert expand_parameters({"there": "[[Event?.payload.there]]"}, MacroValues(RunId("r"), 0.0)) == {}


@pytest.mark.parametrize(
    ("trigger", "asked", "message"),
    [
        (EventTrigger(EventKind.ARTIFACT), "verison", "kind artifact has no verison; it has name, version, alias"),
        (EventTrigger(EventKind.ARTIFACT), "version.major", "has no version.major"),
        (EventTrigger(EventKind.FILE), "?.name", "it has path, is_there"),
        (EventTrigger(EventKind.RUN_FINISHED), "project", "it has run_id, name, state"),
        (EventTrigger(EventKind.RUN_FINISHED, project="me/mnist"), "pipeline", "has no pipeline"),
        (EventTrigger(EventKind.METRIC, metric="loss"), "loss", "it has metric, value"),
        (None, "name", r"a schedule has no event"),
    ],
)
def test_what_no_event_of_the_kind_says_is_refused_with_what_it_does_say(trigger: EventTrigger | None, asked: str, message: str) -> None:
    macro = f"[[Event{asked}]]" if asked.startswith("?") else f"[[Event.{asked}]]"
    with pytest.raises(InvalidArgumentError, match=message) as refusal:
        check_facts(trigger, {"fine": "x", "deep": {"list": ["a", f"<{macro}>"]}})
    assert str(refusal.value).startswith("parameter deep: ")


@pytest.mark.parametrize("kind", list(EventKind))
def test_all_that_events_are_known_to_say_may_be_asked(kind: EventKind) -> None:
    for trigger in (EventTrigger(kind), EventTrigger(kind, project="me/mnist"), EventTrigger(kind, pipeline="train")):
        check_facts(trigger, {name: f"[[Event.{name}]]" for name in known_facts(trigger)} | {"all": "[[Event]]", "time": "[[CurrentTime]]"})
    check_facts(EventTrigger(EventKind.WEBHOOK), {"x": "[[Event.anything.at.all]]"})
    check_facts(EventTrigger(EventKind.RUN_FINISHED, project="me/mnist"), {"x": "[[Event.metrics.val.loss]]"})


def test_an_event_that_lacks_what_a_parameter_asks_says_so_and_gives_no_empty_text() -> None:
    facts = {"kind": "webhook", "payload": {"ref": "main", "by": None}, "ref": "main", "by": None}
    assert lack({"a": "[[Event.payload.ref]]", "b": "[[Event.ref]]"}, facts) == ""
    missing = lack({"a": "x", "b": ["<[[Event.payload.sha]]>"]}, facts)
    assert missing == "the event has no payload.sha, which parameter b asks for; it has payload.ref, kind"
    assert "no payload.by," in lack({"b": "[[Event.payload.by]]"}, facts)
    with pytest.raises(InvalidArgumentError, match=r"the event has no payload\.sha"):
        expand_parameters({"b": "[[Event.payload.sha]]"}, MacroValues(RunId("r"), 0.0, event=facts))


def test_a_metric_is_found_by_its_name_with_dots() -> None:
    facts = {"metrics": {"val.loss": 0.25, "deep": {"x": 1}}}
    values = expand_parameters({"a": "[[Event.metrics.val.loss]]", "b": "[[Event.metrics.deep.x]]"}, MacroValues(RunId("r"), 0.0, event=facts))
    assert values == {"a": "0.25", "b": "1"}
