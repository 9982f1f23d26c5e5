"""Two artifacts beside each other: what is said of them, files by digest, metadata by value, the beginnings of their content."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import Digest
from penstock.domain.versions import ManifestEntry
from penstock.interfaces.pages import ArtifactItem
from penstock.web.comparisons.files import FileDiff, compare_previews
from penstock.web.comparisons.versions import Files, VersionDiff, compare_documents
from penstock.web.pages.tracking.artifacts import version_url
from penstock.web.previews.content import Preview, preview_of
from penstock.web.render import Crumb, Frame, render
from penstock.web.services.tracking import TrackingServices, caller_of
from penstock.web.services.web import WebServices
from penstock.web.texts.formats import type_word
from penstock.web.tracking.documents import read_document


@dataclass(frozen=True, slots=True)
class FileList:
    """Files of a stored artifact."""

    entries: Sequence[ManifestEntry]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.entries)

    def all(self) -> Iterator[ManifestEntry]:
        """Yield them in path order."""
        return iter(self.entries)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    subject: str
    """`artifact:ID` or `version:ID`."""
    title: str
    url: str
    facts: Sequence[tuple[str, str | float | None]]
    """(label, value), the same labels for both; `Created` is a time."""
    metadata: dict[str, object]
    files: Files
    files_url: str = ""
    """Address that the path of a file is put behind; empty: its files have no pages."""
    preview: Preview | None = None
    """Beginning of an artifact that is one file."""
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ArtifactComparePage:
    """Context of `artifacts/compare.html`."""

    old: Side
    """The one that was made first."""
    new: Side
    diff: VersionDiff
    """What changed from the older to the newer."""
    is_comparable: bool
    """Files are told apart by digest; False: one is of a project and one of a pipeline, and their digests are of different kinds."""

    @property
    def file_diff(self) -> FileDiff | None:
        """What differs inside, when both are one file of a kind that can be compared."""
        if self.old.preview is None or self.new.preview is None or self.diff.same:
            return None
        found = compare_previews(self.new.title, self.old.preview, self.new.preview)
        return None if found.kind == "other" else found


async def compare_page(services: WebServices, request: Request) -> Response:
    """Two artifacts, named by `a` and `b`."""
    subjects = [request.query_params.get(name, "") for name in ("a", "b")]
    sides = [await _side(services, request, subject) for subject in subjects]
    kinds = {side.subject.partition(":")[0] for side in sides}
    old, new = sorted(sides, key=lambda side: int(side.subject.partition(":")[2])) if len(kinds) == 1 else sides
    diff = await asyncio.to_thread(compare_documents, old.files, new.files, old.metadata, new.metadata)
    page = ArtifactComparePage(old, new, diff, len(kinds) == 1)
    crumbs = (Crumb("Artifacts", "/ui/artifacts"), Crumb("Compare", is_word=True))
    frame = Frame(title="Compare artifacts", section="artifacts", crumbs=crumbs, scripts=("preview",))
    return render(services, request, "artifacts/compare.html", frame=frame, page=page)


async def _side(services: WebServices, request: Request, subject: str) -> Side:
    """Return what the page shows of `artifact:ID` or `version:ID`.

    Raises:
        InvalidArgumentError: it names neither.
        NotFoundError: there is none, or it is not the reader's to see.
    """
    kind, _, number = subject.partition(":")
    if kind not in {"artifact", "version"} or not number.isdecimal() or len(number) > 16:
        raise InvalidArgumentError(f"{subject[:60]!r} names no artifact; artifact:ID and version:ID do")
    if kind == "version" and services.tracking is not None:
        return await asyncio.to_thread(_version_side, services.tracking, request, int(number))
    view = await services.artifacts.artifact(int(number)) if kind == "artifact" else None
    if view is None:
        raise NotFoundError(f"There is no {subject}.")
    ended_at = (await services.notes.note(view.artifact.artifact_id)).ended_at
    return await asyncio.to_thread(_stored_side, services, view.artifact if ended_at is None else replace(view.artifact, digest=None))


def _stored_side(services: WebServices, artifact: ArtifactItem) -> Side:
    name, digest = artifact.name or artifact.output_key, artifact.digest
    if digest is not None and artifact.is_directory:
        tree = services.blobs.list_tree(Digest(digest))
        entries = [ManifestEntry(entry.path, entry.digest, entry.size_bytes) for entry in tree]
    else:
        entries = [] if digest is None else [ManifestEntry("content", digest, artifact.size_bytes)]
    preview = None
    if digest is not None and not artifact.is_directory:
        preview = preview_of(services.blobs, digest=digest, type_=artifact.type, is_directory=False, size=artifact.size_bytes)
    facts = (
        ("Type", type_word(artifact.type)), ("Made by", f"{artifact.task_label} · {artifact.run_name}" if artifact.run_id else ""),
        ("Created", artifact.created_at), ("Digest", digest), ("URI", artifact.uri),
    )  # fmt: skip
    return Side(
        f"artifact:{artifact.artifact_id}", f"{artifact.run_name} · {name}" if artifact.run_name else name,
        f"/ui/artifacts/{artifact.artifact_id}", facts, dict(artifact.metadata), FileList(entries),
        f"/ui/artifacts/{artifact.artifact_id}/files/" if artifact.is_directory else "", preview, artifact.size_bytes,
    )  # fmt: skip


def _version_side(tracking: TrackingServices, request: Request, version_id: int) -> Side:
    version = tracking.artifacts.get(version_id)
    collection = None if version is None else tracking.collections.get(version.collection_id)
    if version is None or collection is None or not tracking.accounts.is_readable(caller_of(tracking, request), version.entity):
        raise NotFoundError("There is no such version.")
    members = tracking.collections.memberships_of([version_id]).get(version_id, ())
    own = next((member for member in members if member.collection_id == collection.collection_id), None)
    url = version_url(collection, 0 if own is None else own.version_index)
    facts = (
        ("Type", version.type_name), ("Made by", f"{version.entity}/{version.project}"), ("Created", version.created_at),
        ("Digest", version.digest), ("URI", ""),
    )  # fmt: skip
    title = f"{collection.name}:{url.rpartition('/')[2]}"
    metadata = dict(read_document(version.metadata or "{}"))
    return Side(f"version:{version_id}", title, url, facts, metadata, tracking.artifacts.listing(version), f"{url}/files/")
