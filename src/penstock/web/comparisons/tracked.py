"""What is compared of tracked runs beside their documents: saved code, requirements, versions that they used and logged. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from penstock.domain.tracking import RunFile, TrackedRun
from penstock.web.comparisons.exhibits import Piece
from penstock.web.comparisons.runs import ComponentText, versions
from penstock.web.tracking.documents import summary_of, tree_of

_SHOWN = {"image-file": "image", "html-file": "html"}
"""Types of media that stand side by side with what tasks put out -> kinds of shelves."""
_MOST_MEDIA = 60
REQUIREMENTS = "requirements.txt"
NAMES = (REQUIREMENTS, "conda-environment.yaml")
BEGINNINGS = ("code/", "diff")
"""Names, and beginnings of names, of the files that say what a run executed."""


def _is_code(name: str) -> bool:
    return name.startswith("code/") or name.endswith(".patch") or name == "conda-environment.yaml"


def read_digests(runs: Sequence[Sequence[RunFile]]) -> set[str]:
    """Return the contents that have to be read: of files that are not the same in all runs that have some."""
    found: dict[str, set[str | None]] = {}
    for files in runs:
        for file in files:
            found.setdefault(file.name, set()).add(file.digest)
    counts = {name: sum(any(file.name == name for file in files) for files in runs) for name in found}
    saving = sum(bool(files) for files in runs)
    return {digest for name, held in found.items() if len(held) > 1 or counts[name] < saving for digest in held if digest is not None}


def code_texts(runs: Sequence[Sequence[RunFile] | None], texts: Mapping[str, str]) -> list[Mapping[str, ComponentText] | None]:
    """Return the saved code of each run by file, as `code_diffs` takes it; None for those without any, and for what is no tracked run."""
    found: list[Mapping[str, ComponentText] | None] = []
    for files in runs:
        code = [file for file in files or () if _is_code(file.name)]
        found.append({file.name: ComponentText(texts.get(file.digest or "", ""), "") for file in code} if code else None)
    return found


def required_versions(files: Sequence[RunFile], texts: Mapping[str, str]) -> Mapping[str, str] | None:
    """Return the versions of packages that a run wrote down; None: it did not, or all wrote the same."""
    file = next((file for file in files if file.name == REQUIREMENTS), None)
    text = texts.get(file.digest or "") if file is not None else None
    return None if text is None else versions([line for line in text.splitlines() if line.strip() and not line.startswith("#")])


def media_pieces(run: TrackedRun, place: int) -> list[Piece]:
    """Return the pictures and documents that a run's summary ends with, to stand beside those of runs of pipelines and flows."""
    found = []
    for leaf in tree_of(summary_of(run)).leaves:
        value = leaf.value if leaf.kind == "media" else {}
        kind, path, size = _SHOWN.get(str(value.get("_type"))), value.get("path"), value.get("size")
        if kind is None or not isinstance(path, str):
            continue
        address = f"/ui/tracking/runs/{run.run_id}/files/{quote(path)}"
        page = "/".join(("", *(quote(part, safe="") for part in (run.entity, run.project, "runs", run.name)), "files", quote(path)))
        held = size if isinstance(size, int) and not isinstance(size, bool) else None
        found.append(Piece(place, kind, "", leaf.path, page=page, address=address, download=f"{address}?download=1", size=held))
    return found[:_MOST_MEDIA]
