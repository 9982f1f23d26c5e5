"""What is compared: runs of pipelines and flows and tracked runs, in one form. Pure.

An address names a run of a pipeline by its id, one of a flow as `Flow/12`, a tracked run by its number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from penstock.domain.tracking import TrackedRun
from penstock.interfaces.pages import RunItem, ScalarMetric
from penstock.web.texts.formats import duration
from penstock.web.tracking.documents import STATES, client_facts, config_of, look_of, story_of, summary_of, tree_of
from penstock.web.tracking.run_colors import LOOKS, color_of

KINDS: Mapping[str, str] = {"pipeline": "Pipeline run", "flow": "Flow run", "tracked": "Tracked run"}
"""Kind -> what one of it is called."""
MOST_VALUES = 500
"""Values of a document of a tracked run that are compared."""
_LONGEST_NUMBER = 16
_LARGEST_NUMBER = 1 << 53


@dataclass(frozen=True, slots=True)
class Subject:
    """One run of a comparison."""

    run_id: str
    """As the address names it."""
    kind: str
    """A key of `KINDS`."""
    name: str
    url: str
    state: str
    """As runs of pipelines have it."""
    created_at: float
    started_at: float | None
    finished_at: float | None
    color: int
    """Number of its look in drawings."""
    error_message: str = ""
    metrics: Sequence[ScalarMetric] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """As given by the caller; of a tracked run its config."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What is said of it beside that, by English name."""
    spec_digest: str | None = None
    """Of its definition."""
    pipeline_name: str = ""
    look: tuple[str, str] | None = None
    """Word and icon of the state of a tracked run."""
    story: tuple[str, Mapping[str, object]] | None = None
    """Sentence that explains the state of a tracked run, with its values."""
    tracked: TrackedRun | None = None


def is_number_of_tracked(text: str) -> bool:
    """Whether an id in an address is the number of a tracked run."""
    return text.isdecimal() and len(text) <= _LONGEST_NUMBER and int(text) < _LARGEST_NUMBER


def subject_of_run(run: RunItem, place: int) -> Subject:
    """Return a run of a pipeline or flow. Args: place: in the order of the page, which gives it a look."""
    return Subject(
        run.run_id, "flow" if run.kind == "flow" else "pipeline", run.name, f"/ui/runs/{quote(run.run_id)}", run.state, run.created_at,
        run.started_at, run.finished_at, place % LOOKS + 1, run.error_message, run.metrics, run.parameters, _facts(run),
        run.spec_digest, run.pipeline_name,
    )  # fmt: skip


def subject_of_tracked(run: TrackedRun) -> Subject:
    """Return a tracked run: its summary as metrics, its config as parameters."""
    url = "/".join(("", quote(run.entity, safe=""), quote(run.project, safe=""), "runs", quote(run.name, safe="")))
    ended = None if run.state.is_live else run.finished_at or run.heartbeat_at
    return Subject(
        str(run.run_id), "tracked", run.display_name or run.name, url, STATES.get(run.state.value, run.state.value.upper()), run.created_at,
        run.created_at, ended, color_of(run), "", summary_metrics(run), flat_config(run), {**_times(run), **told_facts(run)},
        look=look_of(run.state), story=story_of(run), tracked=run,
    )  # fmt: skip


def summary_metrics(run: TrackedRun) -> list[ScalarMetric]:
    """Return what a summary says as numbers and texts; media are drawn elsewhere."""
    found = []
    for leaf in tree_of(summary_of(run)).leaves[:MOST_VALUES]:
        if leaf.kind == "number":
            with suppress(OverflowError):  # whole numbers have no largest one
                found.append(ScalarMetric(leaf.path, float(leaf.value), None))
        elif leaf.kind != "media" and leaf.value is not None:
            found.append(ScalarMetric(leaf.path, None, str(leaf.value)))
    return found


def flat_config(run: TrackedRun) -> dict[str, Any]:
    """Return a config by dotted keys."""
    return {leaf.path: leaf.value for leaf in tree_of(config_of(run)).leaves[:MOST_VALUES] if leaf.kind != "media"}


def with_values_of_tasks(subject: Subject, runs: Sequence[TrackedRun], *, with_config: bool) -> Subject:
    """Return a run of a pipeline or flow with what the tracked runs of its tasks ended with, where one alone says it.

    What the run says itself stands. Args: with_config: their configs are parameters, too.
    """
    own = {metric.name for metric in subject.metrics}
    metrics = list(_said_once([{one.name: one for one in summary_metrics(run)} for run in runs]).values())
    found = [*subject.metrics, *(metric for metric in metrics if metric.name not in own)]
    parameters = {**_said_once([flat_config(run) for run in runs]), **subject.parameters} if with_config else subject.parameters
    return replace(subject, metrics=found, parameters=parameters)


def _said_once(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for document in documents:
        for key in document:
            counts[key] = counts.get(key, 0) + 1
    return {key: value for document in documents for key, value in document.items() if counts[key] == 1}


def told_facts(run: TrackedRun) -> dict[str, Any]:
    """Return what a tracked run says of itself beside config and summary, for comparisons."""
    client = client_facts(run)
    told = {
        "Project": f"{run.entity}/{run.project}", "Program": run.program, "Commit": run.commit, "Host": run.host, "Group": run.group,
        "Job type": run.job_type, "Tags": ", ".join(run.tags), "Client": client.get("cli_version"), "Python": client.get("python_version"),
    }  # fmt: skip
    return {name: value or None for name, value in told.items()}


def _facts(run: RunItem) -> dict[str, Any]:
    seconds = run.finished_at - (run.started_at or run.created_at) if run.finished_at else None
    return {
        "State": run.state,
        "Duration": None if seconds is None else duration(seconds),
        "Experiment": run.experiment_name or None,
        "Pipeline": run.pipeline_title or None,
        "Version": run.version_name or None,
        "Definition": (run.spec_digest or "")[7:19] or None,
        "Tasks": run.task_count,
        "Cached": run.cached_count,
        "Error": run.error_message or None,
    }


def _times(run: TrackedRun) -> dict[str, Any]:
    return {
        "State": STATES.get(run.state.value, run.state.value.upper()),
        "Duration": None if run.state.is_live else duration(run.duration_seconds),
    }
