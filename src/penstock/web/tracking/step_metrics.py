"""Which key a metric is drawn over when its program said so (`define_metric(..., step_metric=...)`).

Semantics: `config._wandb.value.m`, observed with client 0.16 to 0.31: a list of metrics with the fields of the client's `MetricRecord` by
number: 1 name, 2 name with `*` at its end, 4 name of the step metric, 5 place of the step metric in the list, counted from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from penstock.domain.tracking import TrackedRun
from penstock.web.tracking.documents import client_facts
from penstock.web.tracking.panel_specs import listed, mapping, text


@dataclass
class StepMetrics:
    """What some runs said of their metrics; the run that comes first decides."""

    names: dict[str, str] = field(default_factory=dict)
    """Metric -> the key that it is drawn over."""
    beginnings: dict[str, str] = field(default_factory=dict)
    """Beginning of names -> that key."""

    def of(self, key: str) -> str:
        """Return what `key` is drawn over; empty for the step. An exact name goes before the longest beginning."""
        if key in self.names:
            return self.names[key]
        found = max((one for one in self.beginnings if key.startswith(one)), key=len, default=None)
        step = self.beginnings[found] if found is not None else ""
        return "" if step == key else step


def step_metrics(runs: Iterable[TrackedRun]) -> StepMetrics:
    """Return what these runs defined."""
    found = StepMetrics()
    for run in runs:
        metrics = [mapping(one) for one in listed(client_facts(run).get("m"))]
        for metric in metrics:
            step = _step_of(metric, metrics)
            name, glob = text(metric.get("1")), text(metric.get("2"))
            if step and name and name != step:
                found.names.setdefault(name, step)
            elif step and glob.endswith("*"):
                found.beginnings.setdefault(glob[:-1], step)
    return found


def _step_of(metric: Mapping[str, object], metrics: Sequence[Mapping[str, object]]) -> str:
    place = metric.get("5")
    if isinstance(place, int) and 1 <= place <= len(metrics):
        return text(metrics[place - 1].get("1"))
    return text(metric.get("4"))
