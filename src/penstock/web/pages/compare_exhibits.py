"""What compared runs put out side by side: matrices, documents, pictures, and cards of flows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

from penstock.interfaces.page_flows import FlowRunFacts
from penstock.interfaces.pages import ArtifactUse, RunItem, TaskItem
from penstock.web.exhibits import Piece, Shelf, drawn_pieces, shelves_of
from penstock.web.services import WebServices
from penstock.web.stored_pictures import picture_pieces
from penstock.web.visualizations import Visual

_CARDS_PER_STEP = 3
_CARDED_PER_RUN = 30
"""Tasks of a run whose cards are looked for: each costs a look into the datastore."""


async def exhibits(
    services: WebServices,
    runs: Sequence[RunItem],
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
    for place, known in enumerate(facts):
        if known is not None and known.root is not None:
            pieces += await _cards(services, place, runs[place], tasks[place], known)
    return shelves_of(pieces, len(runs))


async def _cards(services: WebServices, place: int, run: RunItem, tasks: Sequence[TaskItem], facts: FlowRunFacts) -> list[Piece]:
    """Cards of the first tasks of each step; the tasks of a step are its steps here."""
    if services.flows is None or facts.root is None:
        return []
    by_step: dict[str, list[str]] = {}
    for task in tasks:
        parts = task.path.split("/")
        if task.type == "RUNTIME" and len(parts) == 3:
            by_step.setdefault(parts[1], []).append(parts[2])
    wanted = [(step, name) for step, held in by_step.items() for name in held[:_CARDS_PER_STEP]][:_CARDED_PER_RUN]
    run_id = run.run_id.partition("/")[2]
    found: list[Piece] = []
    for step, task_id, card in await services.flows.reader.cards_below(facts.root, facts.flow_id, run_id, wanted):
        page = f"/flows/{quote(facts.flow_id)}/{quote(run_id)}/{quote(step)}/{quote(task_id)}"
        address = f"{page}/cards/{quote(card.name)}"
        name = card.name.removesuffix(".html").rpartition("-")[0] or card.type
        number = by_step[step].index(task_id)
        label = f"{step}/{task_id}" if len(by_step[step]) > 1 else ""
        found.append(
            Piece(place, "card", step, name, number, label, f"{page}?tab=cards", address, f"{address}?download=1", card.size_bytes)
        )
    return found

