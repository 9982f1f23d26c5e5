"""Drawings of what tracked runs logged: which there are, under what name and section, and how the client wants them drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain.natural_order import natural_key
from penstock.domain.tracking import SeriesInfo, TrackedRun
from penstock.web.tracking.documents import client_facts
from penstock.web.tracking.panel_specs import chart_of, mapping, text
from penstock.web.tracking.step_metrics import StepMetrics, step_metrics

_SCALAR = "number"
_MEDIA_KINDS = {
    "image-file": "images", "images/separated": "images", "table-file": "table", "joined-table": "table", "partitioned-table": "table",
    "histogram": "histogram", "html-file": "html", "html": "html", "audio-file": "audio", "audio": "audio", "video-file": "video",
    "videos": "video", "plotly-file": "plotly", "object3D-file": "object3D", "object3D": "object3D", "molecule-file": "molecule",
    "molecule": "molecule",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChartPanel:
    """One drawing: a key, and how it is drawn."""

    key: str
    """Of the history, or of the system metrics."""
    kind: str
    """`line`, or a kind of media."""
    plot: Mapping[str, Any] | None = None
    """How the client wants its table drawn (`wandb.plot.*`): `{kind, fields}`."""
    lanes: Sequence[str] = ()
    """Keys that are drawn together, when there are several: one per device or process."""
    step: str = ""
    """Key that it is drawn over where nobody chose another; empty for the step."""

    @property
    def section(self) -> str:
        """Prefix before the first slash, under which panels stand together, as a workspace of W&B has them."""
        prefix, slash, _ = self.key.partition("/")
        return prefix if slash and prefix else "Charts" if self.kind == "line" else "Media"

    @property
    def title(self) -> str:
        """Key, as the W&B app has it; of a table that is drawn, the key under which the program logged the drawing."""
        return self.key if self.plot is None else self.key.removesuffix("_table") or self.key

    def words(self, _translate: Callable[[str], str]) -> str:
        """Return the title for a reader: a program's own word, in no language of ours."""
        return self.title


def panels_of(run: TrackedRun, info: SeriesInfo) -> list[ChartPanel]:
    """Return a drawing for every key of a run's history: lines before media, keys without a prefix first, then sections by name."""
    return panels_of_kinds({stats.key: stats.counts for stats in info.keys}, client_plots(run), step_metrics([run]))


def panels_of_kinds(
    kinds: Mapping[str, Iterable[str]], plots: Mapping[str, Mapping[str, Any]], steps: StepMetrics
) -> list[ChartPanel]:
    """Return a drawing for every key, given the types of its values, the tables to draw (`client_plots`) and what lines are drawn over."""
    panels = []
    for key, types in kinds.items():
        if key.startswith("_"):
            continue
        if _SCALAR in types or "boolean" in types:
            step = steps.of(key)
            panels.append(ChartPanel(key, "line", step=step if step in kinds else ""))
        for kind in types:
            if kind in _MEDIA_KINDS:
                plot = plots.get(key)
                panels.append(ChartPanel(key, "vega" if plot and plot["kind"] == "vega" else _MEDIA_KINDS[kind], plot))
                break
            if kind.endswith("-file"):
                panels.append(ChartPanel(key, "file"))
                break
    return in_order(panels)


def in_order(panels: Iterable[ChartPanel]) -> list[ChartPanel]:
    """Return panels as a board lists them: of names that differ in a number, 2 before 10."""
    return sorted(panels, key=lambda panel: (panel.kind != "line", "/" in panel.key, natural_key(panel.section), natural_key(panel.title)))


def client_plots(run: TrackedRun) -> dict[str, Mapping[str, Any]]:
    """Return the drawings that the client asked for with `wandb.plot.*` and `wandb.plot_table`, by the key of their table.

    Semantics: `config._wandb.value.visualize`, observed with client 0.31; its own presets are named `wandb/<kind>/v<n>`, those that
    people made `<entity>/<name>`.
    """
    wanted = client_facts(run).get("visualize")
    found: dict[str, Mapping[str, Any]] = {}
    for key, entry in (wanted.items() if isinstance(wanted, Mapping) else ()):
        chart = chart_of(mapping(mapping(entry).get("panel_config")))
        preset = text(chart.get("preset"))
        table = chart.get("table") or f"{key}_table"
        if preset.startswith("wandb/"):
            found[table] = {"kind": preset.split("/")[1], "fields": {**chart["fields"], **chart["strings"]}}
        elif chart:
            found[table] = {"kind": "vega", **chart, "table": table, "title": chart["strings"].get("title") or key}
    return found


def panel_list(panels: Sequence[ChartPanel], translate: Callable[[str], str] = str) -> list[dict[str, Any]]:
    """Return panels as the page's script reads them."""
    plain: list[dict[str, Any]] = [
        {"key": panel.key, "kind": panel.kind, "section": panel.section, "title": panel.words(translate)} for panel in panels
    ]
    return [entry | _extra(panel) for entry, panel in zip(plain, panels, strict=True)]


def _extra(panel: ChartPanel) -> dict[str, Any]:
    if panel.plot is not None:
        return dict(panel.plot) if panel.kind == "vega" else {"plot": panel.plot}
    if panel.step:
        return {"stepMetric": panel.step}
    return {"keys": list(panel.lanes)} if panel.lanes else {}
