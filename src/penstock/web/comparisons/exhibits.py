"""What runs put out, laid side by side: one shelf for each output, on it a cell for each run, in it drawings by step.

Steps are iterations of loops and numbers in the names of files; outputs are matched by task and name, and by name alone where no other
run has the task (runs of different pipelines).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from penstock.interfaces.pages import ArtifactUse
from penstock.web.previews.ui_metadata import Viewer
from penstock.web.previews.visualizations import ConfusionMatrix, Visual

KINDS: Mapping[str, str] = {
    "matrix": "Confusion Matrix", "html": "HTML", "markdown": "Markdown", "table": "Tables", "image": "Images", "card": "Cards",
}  # fmt: skip
"""Kinds of drawings in the order of the page, with their headings; the first three are Kubeflow's."""
PARTS: Mapping[str, str] = {
    "causes": "What differs", "parameters": "Parameters", "inputs": "Artifacts taken in, by content", "packages": "Packages",
    "metrics": "Scalar Metrics", "roc": "ROC Curve", **KINDS, "durations": "Seconds by task",
}  # fmt: skip
"""What a comparison in a report may have, in the order of the page, with headings."""
ASKS_ABOVE = 10 << 20
"""Bytes above which a browser loads a document only when its reader asks."""
_ITERATION = re.compile(r"\[(\d+)\]")
_NUMBER = re.compile(r"(\d+)(?=\D*$)")
_MOST_PIECES = 60
"""Drawings of a run on a shelf."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One drawing of one run."""

    run: int
    """Index of the run."""
    kind: str
    """A key of `KINDS`."""
    task: str
    """Name of the task without iterations."""
    name: str
    """Of the output; of a file in a folder its path with `#` for its number."""
    step: int = 0
    label: str = ""
    """What tells it from others of the same cell: its iteration, its file."""
    page: str = ""
    """Address of the page about it."""
    address: str = ""
    """Address of what is shown in a box or as a picture."""
    download: str = ""
    """Address of the file."""
    size: int | None = None
    matrix: ConfusionMatrix | None = None
    table: Viewer | None = None

    @property
    def asks_first(self) -> bool:
        """Whether its reader is asked before it is loaded."""
        return (self.size or 0) > ASKS_ABOVE


@dataclass(frozen=True, slots=True)
class Cell:
    """What one run has on a shelf, by step."""

    run: int
    pieces: Sequence[Piece]

    def shown_at(self, step: int | None) -> frozenset[int]:
        """Positions of the pieces of the last step up to this one, of the first step when all are later; None: of the last."""
        steps = [piece.step for piece in self.pieces]
        up_to = [known for known in steps if step is None or known <= step]
        chosen = max(up_to) if up_to else min(steps, default=0)
        return frozenset(place for place, known in enumerate(steps) if known == chosen)


@dataclass(frozen=True, slots=True)
class Shelf:
    """One output over the runs."""

    kind: str
    task: str
    name: str
    cells: Sequence[Cell]
    """Of the runs that have it, in the order of the page."""
    missing: Sequence[int]
    """Indexes of the others."""
    left_out: int = 0
    """Drawings that are too many."""


def shelves_of(pieces: Iterable[Piece], runs: int) -> list[Shelf]:
    """Return the shelves by kind, those that most runs share first."""
    found: dict[tuple[str, str, str], list[Piece]] = {}
    for piece in pieces:
        found.setdefault((piece.kind, piece.task, piece.name), []).append(piece)
    shelves = [_shelf(key, held, runs) for key, held in _joined(found).items()]
    order = list(KINDS)
    return sorted(shelves, key=lambda shelf: (order.index(shelf.kind), len(shelf.missing), shelf.task, shelf.name))


def _joined(found: Mapping[tuple[str, str, str], list[Piece]]) -> dict[tuple[str, str, str], list[Piece]]:
    """Put outputs that one run alone has onto one shelf with those of the same name that one other run alone has."""
    kept: dict[tuple[str, str, str], list[Piece]] = {}
    single: dict[tuple[str, str], list[tuple[str, list[Piece]]]] = {}
    for (kind, task, name), held in found.items():
        if len({piece.run for piece in held}) > 1:
            kept[kind, task, name] = held
        else:
            single.setdefault((kind, name), []).append((task, held))
    for (kind, name), several in single.items():
        if len({held[0].run for _, held in several}) == len(several):
            kept[kind, several[0][0] if len(several) == 1 else "", name] = [piece for _, held in several for piece in held]
        else:
            kept |= {(kind, task, name): held for task, held in several}
    return kept


def _shelf(key: tuple[str, str, str], held: Sequence[Piece], runs: int) -> Shelf:
    by_run: dict[int, list[Piece]] = {}
    for piece in held:
        by_run.setdefault(piece.run, []).append(piece)
    cells = [Cell(run, sorted(by_run[run], key=lambda piece: (piece.step, piece.label))[:_MOST_PIECES]) for run in sorted(by_run)]
    left_out = len(held) - sum(len(cell.pieces) for cell in cells)
    return Shelf(*key, cells, [run for run in range(runs) if run not in by_run], left_out)


def steps_of(shelves: Iterable[Shelf]) -> list[int]:
    """Return the steps to choose from; none when no cell has two."""
    cells = [cell for shelf in shelves for cell in shelf.cells if len({piece.step for piece in cell.pieces}) > 1]
    return sorted({piece.step for cell in cells for piece in cell.pieces})


def iteration_of(path: str) -> tuple[int, str]:
    """Return the step of a task by its place in loops, and its iterations as text: `[2]`."""
    numbers = _ITERATION.findall(path)
    return (int(numbers[-1]) if numbers else 0), "".join(f"[{number}]" for number in numbers)


def file_piece(piece: Piece, path: str, address: str, size: int | None) -> Piece:
    """Return the drawing of a file in the folder that `piece` is."""
    folder, _, name = path.rpartition("/")
    number = _NUMBER.search(name.rpartition(".")[0] or name)
    stem = path if number is None else f"{folder}/{name[: number.start()]}#{name[number.end() :]}".lstrip("/")
    step = piece.step if number is None else int(number[1][:9])
    label = f"{name} {piece.label}".strip()
    return replace(
        piece, name=f"{piece.name}/{stem}", step=step, label=label, address=address, download=f"{address}?download=1", size=size
    )


def drawn_pieces(visuals: Iterable[Visual], uses: Mapping[tuple[str, int], ArtifactUse], places: Mapping[str, int]) -> list[Piece]:
    """Return the matrices, documents and tables among the visuals. Args: uses: by task and artifact; places: index of a run by its id."""
    found: list[Piece] = []
    for visual in visuals:
        use = uses[visual.task_id, visual.artifact.artifact_id]
        piece = output_piece(use, places[visual.run_id], "")
        if visual.matrix is not None:
            found.append(replace(piece, kind="matrix", matrix=visual.matrix))
        elif visual.kind in {"html", "markdown"} and visual.artifact.digest is not None:
            found.append(replace(piece, kind=visual.kind, address=f"{piece.page}/view"))
        elif (viewer := visual.viewer) is not None and viewer.kind in {"html", "markdown"}:
            address = f"{piece.page}/viewers/{viewer.index}"
            found.append(replace(piece, kind=viewer.kind, name=f"{piece.name} {viewer.index + 1}", address=address))
        elif viewer is not None and viewer.kind == "table":
            found.append(replace(piece, kind="table", name=f"{piece.name} {viewer.index + 1}", table=viewer))
    return found


def output_piece(use: ArtifactUse, run: int, kind: str) -> Piece:
    """Return an output of a task as a drawing of that kind."""
    step, label = iteration_of(use.task_path)
    page = f"/ui/artifacts/{use.artifact.artifact_id}"
    return Piece(run, kind, use.task_name, use.key, step, label, page, "", f"{page}/download", use.artifact.size_bytes)
