"""Events survive their stored form exactly."""

from __future__ import annotations

import math

import pytest

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.execution import Failure, FailureKind, TaskOutputs
from penstock.domain.ids import ArtifactId, Digest, RunId, TaskId, TaskPath
from penstock.engine import events

PATH = TaskPath("root/a[1]/b")
ARTIFACT = ArtifactRef(ArtifactId(2**52), "m", ArtifactType("t", "1"), "u", {"inf": math.inf, "ä": "\ud800"}, Digest("sha256:x"), 3, True)
EVERY = [
    events.RunSubmitted(1.5),
    events.LoopContinued(1.5, PATH),
    events.CacheHit(1.5, PATH, TaskId("t"), RunId("r"), "name", TaskOutputs({"x": [1, None]}, {"m": (ARTIFACT,)})),
    events.CacheMissed(1.5, PATH, "why"),
    events.AttemptStarted(1.5, PATH, 3),
    events.AttemptSucceeded(1.5, PATH, 3, TaskOutputs({"x": {"y": 1.0}}, {"m": (ARTIFACT,)}), 0),
    events.AttemptFailed(1.5, PATH, 3, Failure(FailureKind.SIGNAL, "m", None, True), 137),
    events.RetryDue(1.5, PATH, 4),
    events.ArtifactImported(1.5, PATH, "artifact", ARTIFACT),
    events.ImportFailed(1.5, PATH, "why"),
    events.CancelRequested(1.5, "why", 60.0),
    events.DeadlineExpired(1.5, "run"),
    events.RetryRequested(1.5),
    events.PauseRequested(1.5, "why"),
    events.ContinueRequested(1.5),
]


@pytest.mark.parametrize("event", EVERY, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event: events.Event) -> None:
    record = events.to_record(RunId("r"), 7, event)
    assert (record.seq, record.at, record.type) == (7, 1.5, type(event).__name__)
    assert events.from_record(record) == event


def test_every_kind_of_event_is_covered() -> None:
    assert {type(event).__name__ for event in EVERY} == set(events.EVENT_TYPES)
