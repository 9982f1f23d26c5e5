"""Values of the parameters of a recorded run: those that are small in one look together, since each look is a process of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from penstock.domain.errors import PenstockError
from penstock.flows.reading import PARAMETERS_STEP, SMALL_VALUE_BYTES, FlowReader
from penstock.interfaces.flow_files import PickleSummary

MOST_PARAMETERS = 200


def declared(graph: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return what a flow declares as its parameters (`name`, `type`), the first `MOST_PARAMETERS`."""
    found = (graph or {}).get("parameters")
    return [item for item in (found if isinstance(found, list) else ()) if isinstance(item, Mapping)][:MOST_PARAMETERS]


async def looked_at(
    reader: FlowReader, flow_id: str, run_id: str, task_id: str, graph: Mapping[str, Any] | None
) -> dict[str, PickleSummary | PenstockError]:
    """Look at the value of each declared parameter, by its name; what cannot be looked at has the reason instead."""
    ids = (flow_id, run_id, PARAMETERS_STEP, task_id)
    names = [str(item.get("name", "")) for item in declared(graph)]
    found: dict[str, PickleSummary | PenstockError] = {}
    with contextlib.suppress(PenstockError):
        infos = [info for info in await reader.values(*ids, 0) if info.name in names]
        found |= await reader.looks(*ids, [info for info in infos if info.size_bytes is not None and info.size_bytes <= SMALL_VALUE_BYTES])
    for name in names:
        if name not in found:
            try:
                found[name] = await reader.value(*ids, name)
            except PenstockError as error:
                found[name] = error
    return {name: found[name] for name in names}
