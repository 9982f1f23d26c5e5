"""What a comparison reads: its runs, whatever their kind, and what is known of them. The number of queries does not grow with them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import Digest, TrackedRunId
from penstock.domain.plan import RunPlan
from penstock.domain.tracking import RunFile, TrackedRun
from penstock.flows.code import CodePlace
from penstock.interfaces.page_flows import FlowRunFacts
from penstock.interfaces.pages import ArtifactUse, TaskItem
from penstock.interfaces.tracking_pages import RunVersion
from penstock.web.comparisons.flows import code_place
from penstock.web.comparisons.subjects import (
    Subject,
    is_number_of_tracked,
    subject_of_run,
    subject_of_tracked,
    with_values_of_tasks,
)
from penstock.web.comparisons.tracked import BEGINNINGS, NAMES, read_digests
from penstock.web.runs.plans import keep_plan, kept_plan, load_plan
from penstock.web.services.flows import FlowWeb
from penstock.web.services.tracking import readable_by, runs_by_ids
from penstock.web.services.web import WebServices

MOST_DRAWN = 50
"""Tracked runs whose series are drawn."""
_USES_PER_RUN = 500
_MOST_TEXT = 512 << 10
_MOST_TEXTS = 200
"""Bytes of a saved file that are compared, and files that are read."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the queries brought, by run in the order of the page."""

    plans: Sequence[RunPlan | None] = ()
    flows: Sequence[FlowRunFacts | None] = ()
    """Of runs of flows."""
    sources: Mapping[CodePlace, str] = field(default_factory=dict)
    """Files of flows in the code that the runs kept."""
    tasks: Sequence[Sequence[TaskItem]] = ()
    recorded: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inputs: Sequence[ArtifactUse] = ()
    outputs: Sequence[ArtifactUse] = ()
    files: Sequence[Sequence[RunFile]] = ()
    """What tracked runs saved of their code and packages; of other runs, the first of their tracked runs that saved any."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Contents of these that are not the same everywhere."""
    versions: Sequence[RunVersion] = ()
    """What tracked runs used and logged."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The runs that an address names, as far as they are there for the reader."""

    subjects: Sequence[Subject] = ()
    tracked: Sequence[Sequence[TrackedRun]] = ()
    """Of each: itself, where it is a tracked run, else the tracked runs of its tasks."""
    undrawn: int = 0
    """Tracked runs of tasks that are too many."""


async def asked_runs(services: WebServices, request: Request, ids: Sequence[str]) -> Asked:
    """Return the runs in the order of the address; those that are gone, or not the reader's to see, are left out."""
    numbers = [one for one in ids if is_number_of_tracked(one)]
    others = [one for one in ids if one not in numbers]
    runs = {run.run_id: run for run in (await services.runs.runs(others) if others else ())}
    tracking = services.tracking
    if tracking is None:
        return Asked([subject_of_run(runs[one], place) for place, one in enumerate(ids) if one in runs], [[]] * len(runs))
    single = {str(number): run for number, run in (await runs_by_ids(tracking, request, ",".join(numbers))).items()} if numbers else {}
    readable = readable_by(tracking, request)
    logged, counts = await tracking.pages.logged_by_tasks_of(list(runs), per_run=max(1, MOST_DRAWN // max(len(ids), 1)))
    by_run: dict[str, list[TrackedRun]] = {}
    for run in logged:
        if readable(run.entity):
            by_run.setdefault(str(run.pipeline_run_id), []).append(run)
    subjects: list[Subject] = []
    tracked: list[Sequence[TrackedRun]] = []
    for place, one in enumerate(ids):
        if (own := single.get(one)) is not None:
            subjects.append(subject_of_tracked(own))
            tracked.append([own])
        elif one in runs:
            mine = by_run.get(one, [])
            subjects.append(with_values_of_tasks(subject_of_run(runs[one], place), mine, with_config=bool(single)))
            tracked.append(mine)
    return Asked(subjects, tracked, sum(counts.values()) - len(logged))


async def find(services: WebServices, asked: Asked) -> Findings:
    """Read what is known of the runs."""
    subjects = asked.subjects
    ids = [subject.run_id for subject in subjects if subject.kind != "tracked"]
    tasks: Sequence[TaskItem] = await services.runs.timelines(ids) if ids else ()
    facts, sources = await _flow_facts(services.flows, subjects)
    files, texts = await _saved(services, asked)
    limit = _USES_PER_RUN * len(ids)
    singles = [subject.tracked.run_id for subject in subjects if subject.tracked is not None]
    return Findings(
        plans=await _plans(services, subjects),
        flows=facts,
        sources=sources,
        tasks=[[task for task in tasks if task.run_id == subject.run_id] for subject in subjects],
        recorded=await services.runs.environments(ids) if ids else {},
        inputs=await services.artifacts.of_runs(ids, direction="input", limit=limit) if ids else (),
        outputs=await services.artifacts.of_runs(ids, limit=limit) if ids else (),
        files=files,
        texts=texts,
        versions=await services.tracking.pages.versions_of_runs(singles) if services.tracking is not None and singles else (),
    )


async def _saved(services: WebServices, asked: Asked) -> tuple[list[Sequence[RunFile]], Mapping[str, str]]:
    """Files of code and packages by run, and the texts that differ; nothing is read where no tracked run is compared by itself."""
    nothing: list[Sequence[RunFile]] = [()] * len(asked.subjects)
    if services.tracking is None or not any(subject.tracked for subject in asked.subjects):
        return nothing, {}
    held = await services.tracking.files.of_runs([run.run_id for runs in asked.tracked for run in runs], names=NAMES, beginnings=BEGINNINGS)
    files = [_first_saved(runs, held) for runs in asked.tracked]
    digests = sorted(read_digests(files))[:_MOST_TEXTS]
    return files, await asyncio.to_thread(lambda: {digest: _text(services, digest) for digest in digests})


def _first_saved(runs: Sequence[TrackedRun], held: Mapping[TrackedRunId, Sequence[RunFile]]) -> Sequence[RunFile]:
    return next((held[run.run_id] for run in runs if run.run_id in held), ())


def _text(services: WebServices, digest: str) -> str:
    try:
        return b"".join(services.blobs.read(Digest(digest), offset=0, length=_MOST_TEXT)).decode("utf-8", "replace")
    except NotFoundError:  # the bytes are gone
        return ""


async def _flow_facts(
    flows: FlowWeb | None, subjects: Sequence[Subject]
) -> tuple[Sequence[FlowRunFacts | None], Mapping[CodePlace, str]]:
    """What the runs of flows among these began with, and the texts of their flows' files."""
    ids = [subject.run_id for subject in subjects if subject.kind == "flow"]
    if flows is None or not ids:
        return [None] * len(subjects), {}
    known = await flows.pages.facts(ids)
    facts = [known.get(subject.run_id) for subject in subjects]
    places = [place for item in facts if (place := code_place(item)) is not None]
    return facts, await asyncio.to_thread(flows.code.sources, places)


async def _plans(services: WebServices, subjects: Sequence[Subject]) -> list[RunPlan | None]:
    """Plans of the runs; those not kept are read by one query."""
    digests = {subject.spec_digest for subject in subjects if subject.spec_digest}
    plans = {digest: plan for digest in digests for is_kept, plan in [kept_plan(digest)] if is_kept}
    missing = sorted(digests - plans.keys())
    for digest, (kind, content) in (await services.runs.specs(missing)).items() if missing else ():
        plans[digest] = await asyncio.to_thread(load_plan, services, kind, content)
        keep_plan(digest, plans[digest])
    return [plans.get(subject.spec_digest or "") for subject in subjects]
