"""What compared runs put out side by side: matrices, documents, pictures, and cards of flows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import Digest
from penstock.domain.tracking import TrackedRun
from penstock.interfaces.flow_files import DatastoreRoot
from penstock.interfaces.page_flows import FlowRunFacts
from penstock.interfaces.pages import ArtifactUse, TaskItem
from penstock.web.comparisons.exhibits import Piece, Shelf, drawn_pieces, shelves_of
from penstock.web.comparisons.stored_pictures import picture_pieces
from penstock.web.comparisons.subjects import Subject
from penstock.web.comparisons.tracked import curve_tables, curves_of, matrix_pieces, matrix_tables, media_keys, media_pieces
from penstock.web.previews.visualizations import RocCurve, Visual
from penstock.web.services.web import WebServices
from penstock.web.tracking.documents import read_document

_STEPS_PER_KEY = 40
_TABLES_PER_RUN = 8
_LARGEST_TABLE = 1 << 20
_CARDS_PER_STEP = 3
_CARDED_PER_RUN = 30
"""Tasks of a run whose cards are looked for: each costs a look into the datastore."""


@dataclass(frozen=True, slots=True)
class _Carded:
    """A task of a flow that may have cards."""

    place: int
    root: DatastoreRoot
    flow_id: str
    run_id: str
    step: str
    task_id: str
    number: int
    """Which of the tasks of its step it is."""
    is_one_of_many: bool


async def exhibits(
    services: WebServices,
    runs: Sequence[Subject],
    visuals: Sequence[Visual],
    outputs: Sequence[ArtifactUse],
    tasks: Sequence[Sequence[TaskItem]],
    facts: Sequence[FlowRunFacts | None],
) -> list[Shelf]:
    """Return the shelves of the runs.

    Args:
        visuals: what is drawn of their outputs.
        outputs: of all of them, those of UI metadata with what they point to.
        tasks: by run.
        facts: of runs of flows, by run.
    """
    places = {run.run_id: place for place, run in enumerate(runs)}
    uses = {(use.task_id, use.artifact.artifact_id): use for use in outputs}
    pieces = drawn_pieces(visuals, uses, places)
    pieces += await asyncio.to_thread(picture_pieces, services.blobs, outputs, places)
    pieces += await _cards(services, runs, tasks, facts)
    if pieces:  # without any, the panels of the tracked runs have all of theirs, by step
        held = await asyncio.gather(*(_tracked(services, run.tracked, place) for place, run in enumerate(runs) if run.tracked is not None))
        pieces += [piece for part in held for piece in part]
    return shelves_of(pieces, len(runs))


async def _tracked(services: WebServices, run: TrackedRun, place: int) -> list[Piece]:
    """What a tracked run logged by step, and its confusion matrices; looks into the histories of media alone."""
    tracking, keys = services.tracking, media_keys(run)
    logged: dict[str, list[tuple[int, Any]]] = {}
    if tracking is not None and keys:
        specs = [json.dumps({"keys": ["_step", key], "samples": _STEPS_PER_KEY}) for key in keys]
        for key, rows in zip(keys, await tracking.history.sampled(run.run_id, specs), strict=True):
            known = [(row.get("_step"), row.get(key)) for row in rows]
            logged[key] = [(step, value) for step, value in known if isinstance(step, int) and isinstance(value, Mapping)]
    tables = await _tables(services, run, matrix_tables(run).values())
    return [*media_pieces(run, place, logged), *matrix_pieces(run, place, tables)]


async def tracked_curves(services: WebServices, runs: Sequence[Subject], axes: tuple[str, str]) -> list[RocCurve]:
    """Curves with these axes that tracked runs logged, to be drawn in one drawing."""
    held = [(run, run.tracked) for run in runs if run.tracked is not None]
    tables = await asyncio.gather(*(_tables(services, one, curve_tables(one, axes).values()) for _, one in held))
    return [curve for (run, one), found in zip(held, tables, strict=True) for curve in curves_of(one, axes, run.name, found)]


async def _tables(services: WebServices, run: TrackedRun, paths: Iterable[str]) -> dict[str, Any]:
    """Read tables of a run that are not too large, by path."""
    names = sorted(paths)[:_TABLES_PER_RUN]
    if services.tracking is None or not names:
        return {}
    files = (await services.tracking.files.of_runs([run.run_id], names=names)).get(run.run_id, ())
    wanted = [(file.name, file.digest) for file in files if file.digest is not None and file.size_bytes <= _LARGEST_TABLE]
    return await asyncio.to_thread(lambda: {name: read_document(_text(services, digest)) for name, digest in wanted})


def _text(services: WebServices, digest: Digest) -> str:
    try:
        return b"".join(services.blobs.read(digest, offset=0, length=_LARGEST_TABLE)).decode("utf-8", "replace")
    except NotFoundError:  # the bytes are gone
        return ""


async def _cards(
    services: WebServices, runs: Sequence[Subject], tasks: Sequence[Sequence[TaskItem]], facts: Sequence[FlowRunFacts | None]
) -> list[Piece]:
    """Cards of the first tasks of each step of runs of flows, found in one look at what is stored here."""
    if services.flows is None:
        return []
    wanted: list[_Carded] = []
    for place, known in enumerate(facts):
        if known is not None and known.root is not None:
            wanted += _carded(place, known.root, known.flow_id, runs[place].run_id.partition("/")[2], tasks[place])
    found: list[Piece] = []
    cards = await services.flows.reader.cards_below([(one.root, one.flow_id, one.run_id, one.step, one.task_id) for one in wanted])
    for one, card in ((one, card) for one, held in zip(wanted, cards, strict=True) for card in held):
        page = f"/flows/{quote(one.flow_id)}/{quote(one.run_id)}/{quote(one.step)}/{quote(one.task_id)}"
        address = f"{page}/cards/{quote(card.name)}"
        name = card.name.removesuffix(".html").rpartition("-")[0] or card.type
        label = f"{one.step}/{one.task_id}" if one.is_one_of_many else ""
        sides = (f"{page}?tab=cards", address, f"{address}?download=1")
        found.append(Piece(one.place, "card", one.step, name, one.number, label, *sides, card.size_bytes))
    return found


def _carded(place: int, root: DatastoreRoot, flow_id: str, run_id: str, tasks: Sequence[TaskItem]) -> list[_Carded]:
    """Return the tasks of a run whose cards are looked for; the tasks of a step are its steps here."""
    by_step: dict[str, list[str]] = {}
    for task in tasks:
        parts = task.path.split("/")
        if task.type == "RUNTIME" and len(parts) == 3:
            by_step.setdefault(parts[1], []).append(parts[2])
    wanted = [
        _Carded(place, root, flow_id, run_id, step, task_id, number, len(held) > 1)
        for step, held in by_step.items()
        for number, task_id in enumerate(held[:_CARDS_PER_STEP])
    ]
    return wanted[:_CARDED_PER_RUN]
