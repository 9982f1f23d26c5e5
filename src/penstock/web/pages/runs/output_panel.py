"""The panel of an artifact in the graph of a run: what it is, the beginning of its bytes, its versions and what is around it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request

from penstock.interfaces.artifact_notes import ArtifactNote
from penstock.interfaces.page_artifacts import ArtifactView
from penstock.interfaces.pages import ArtifactItem, ArtifactUse, TaskItem
from penstock.web.previews.content import Preview, preview_of
from penstock.web.previews.viewer_sources import uses_with_sources
from penstock.web.previews.visualizations import Visual, visuals_of
from penstock.web.services.web import WebServices

OUTPUT_TABS: Sequence[tuple[str, str]] = (
    ("info", "Artifact info"),
    ("preview", "Preview"),
    ("versions", "Versions"),
    ("lineage", "Lineage"),
)
"""Key and English label."""
_VERSIONS = 50
_USERS = 12


@dataclass(frozen=True, slots=True)
class OutputPanel:
    """Context of `tasks/output_panel.html`."""

    template: ClassVar[str] = "tasks/output_panel.html"

    task: TaskItem
    """The task that puts it out."""
    key: str
    """By which name."""
    tab: str
    """Key of the open tab."""
    base: str
    """Address of the run page, to which `task`, `output` and `tab` are added."""
    query: Mapping[str, str]
    """The run page's address parameters."""
    view: ArtifactView | None = None
    """The artifact with what surrounds it; None while there is none."""
    others: int = 0
    """Further artifacts that the output holds."""
    note: ArtifactNote | None = None
    """What people say of it, and whether it has ended."""
    labels: Mapping[int, ArtifactNote] | None = None
    """Names of its other versions, on Versions."""
    preview: Preview | None = None
    """Beginning of its bytes, on Preview."""
    visual: Visual | None = None
    """Drawing, for metric types, on Preview."""

    @property
    def tabs(self) -> Sequence[tuple[str, str]]:
        """All tabs."""
        return OUTPUT_TABS

    @property
    def artifact(self) -> ArtifactItem | None:
        """The artifact."""
        return None if self.view is None else self.view.artifact

    @property
    def versions(self) -> Sequence[ArtifactItem]:
        """The newest of the same output."""
        return () if self.view is None else self.view.siblings[:_VERSIONS]

    @property
    def users(self) -> Sequence[ArtifactUse]:
        """Tasks that read it, those of this run first."""
        uses = () if self.view is None else [use for use in self.view.uses if use.direction == "input"]
        return sorted(uses, key=lambda use: use.run_id != self.task.run_id)[:_USERS]


async def output_panel(services: WebServices, request: Request, run_id: str, task_id: str, key: str) -> OutputPanel | None:
    """Gather the panel; None when the run has no such task."""
    found = await services.runs.task(run_id, task_id)
    if found is None:
        return None
    uses = [use for use in found.uses if use.direction == "output" and use.key == key]
    view = await services.artifacts.artifact(uses[0].artifact.artifact_id) if uses else None
    tab = request.query_params.get("tab", "")
    tab = tab if tab in dict(OUTPUT_TABS) else "info"
    query = {name: value for name, value in request.query_params.items() if name not in {"task", "output", "tab", "attempt"}}
    panel = OutputPanel(found.task, key, tab, f"/ui/runs/{run_id}", query)
    if view is None:
        return panel
    note = await services.notes.note(view.artifact.artifact_id)
    labels = await services.notes.labels_of([other.artifact_id for other in view.siblings[:_VERSIONS]]) if tab == "versions" else None
    preview, visual = await _inside(services, view.artifact, note) if tab == "preview" else (None, None)
    return OutputPanel(found.task, key, tab, panel.base, query, view, len(uses) - 1, note, labels, preview, visual)


async def _inside(services: WebServices, artifact: ArtifactItem, note: ArtifactNote) -> tuple[Preview, Visual | None]:
    """Return the beginning of the bytes, and the drawing of a metric type; neither of what was let go."""
    digest = artifact.digest if note.ended_at is None else None
    preview = await asyncio.to_thread(
        preview_of, services.blobs, digest=digest, type_=artifact.type, is_directory=artifact.is_directory, size=artifact.size_bytes
    )
    use = ArtifactUse("output", artifact.output_key, 0, artifact, artifact.task_id or "", artifact.task_name)
    drawn = visuals_of(await uses_with_sources(services, [use])) if note.ended_at is None else ()
    return preview, drawn[0] if drawn else None
