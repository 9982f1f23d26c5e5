"""What differs between recorded runs of flows: the values that they began with, and the flow's file in the code that they kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.flows.code import CodePlace
from penstock.interfaces.page_flows import FlowRunFacts
from penstock.web.comparisons.runs import ComponentText

_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class FlowCodeNotes:
    """What is said of the code of flows beside its differences; runs by their indexes."""

    without_code: Sequence[int] = ()
    """Nothing was kept of them."""
    unread: Sequence[int] = ()
    """It was kept where it cannot be read from here, or the flow's file is not in it."""
    same_package: Sequence[int] = ()
    """All that they kept is what the baseline kept."""
    same_file: Sequence[int] = ()
    """The flow's file is the baseline's; something else in the package is not."""

    @property
    def is_open(self) -> bool:
        """Whether code may differ, or does, in what is not compared."""
        return bool(self.without_code or self.unread or self.same_file)


def code_place(facts: FlowRunFacts | None) -> CodePlace | None:
    """Return where the code of a run is; None: it kept none, is no run of a flow, or has not told where its data is."""
    if facts is None or not facts.code_sha or facts.root is None:
        return None
    return CodePlace(facts.root, facts.flow_id, facts.code_sha, facts.script)


def flow_texts(facts: Sequence[FlowRunFacts | None], sources: Mapping[CodePlace, str]) -> list[Mapping[str, ComponentText] | None]:
    """The flow's file of each run as `comparison.code_diffs` takes it, by the name of the flow; None where it is not known."""
    found: list[Mapping[str, ComponentText] | None] = []
    for item in facts:
        place = code_place(item)
        source = None if place is None else sources.get(place)
        found.append(None if item is None or source is None else {item.flow_id: ComponentText(source, "")})
    return found


def flow_code_notes(facts: Sequence[FlowRunFacts | None], sources: Mapping[CodePlace, str], baseline: int) -> FlowCodeNotes:
    """Sort the runs of flows by what can be said of their code."""
    base, base_place = facts[baseline], code_place(facts[baseline])
    without, unread, package, file = [], [], [], []
    for index, item in enumerate(facts):
        if item is None:
            continue
        place = code_place(item)
        is_same = index != baseline and base is not None and item.flow_id == base.flow_id and bool(item.code_sha)
        if not item.code_sha:
            without.append(index)
        elif is_same and base is not None and item.code_sha == base.code_sha:
            package.append(index)
        elif place is None or place not in sources:
            unread.append(index)
        elif is_same and base_place is not None and sources[place] == sources.get(base_place):
            file.append(index)
    return FlowCodeNotes(without, unread, package, file)


def flow_values(facts: Sequence[FlowRunFacts | None]) -> list[Mapping[str, Any]]:
    """Values that the runs began with, by name: plain ones as they were read once, others by their digests.

    The same content is the same value: what is known of it from one run is known of all.
    """
    known = {
        (item.flow_id, name, item.digests[name]): value
        for item in facts
        if item is not None
        for name, value in item.parameters.items()
        if name in item.digests
    }
    found: list[Mapping[str, Any]] = []
    for item in facts:
        if item is None:
            found.append({})
            continue
        values = {name: known.get((item.flow_id, name, sha), f"sha1:{sha[:_SHOWN_DIGITS]}") for name, sha in item.digests.items()}
        found.append({**values, **item.parameters})
    return found
