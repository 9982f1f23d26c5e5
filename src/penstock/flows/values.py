"""Plain values of flow tasks for their tracked runs: parameters become config, what a step set becomes summary.

Which types are plain is what `@wandb_log` logs by itself (Metaflow protocol notes, section 8). Values are read from the task's datastore
in a process apart; where the server cannot read it, records go without them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from penstock.domain.errors import NotFoundError, PenstockError
from penstock.domain.flows import FOREACH_SPLITS
from penstock.flows.queue import FlowQueue, is_hopeless
from penstock.flows.reading import PARAMETERS_STEP, FlowReader
from penstock.interfaces.flow_values import FlowValueStore, UnreadTask

PLAIN_TYPES = frozenset({"int", "float", "str", "bool", "list", "dict", "set"})
MAX_PLAIN_BYTES = 64 * 1024
"""Larger values stay in the datastore."""
_TRANSITION = "_transition"
"""Artifact of Metaflow's own: which steps follow a task (observed with metaflow 2.19)."""
_MOST_SPLITS = 10_000_000


class FlowValues:
    """Works the queue off."""

    def __init__(self, store: FlowValueStore, reader: FlowReader) -> None:
        self._store = store
        self._reader = reader
        self._queue = FlowQueue(store.unread, self._take, self._put_off)

    async def read_waiting(self, *, again: bool) -> bool:
        """Read tasks of the queue once each, with `again` also those that failed before; return whether new ones are left."""
        return await self._queue.work_off(again=again)

    async def _put_off(self, item: UnreadTask, is_over: bool) -> None:
        await self._store.put_off(item, for_good=is_over)

    async def _take(self, item: UnreadTask) -> None:
        try:
            values = await (self._parameters(item) if item.task.step_name == PARAMETERS_STEP else self._own_values(item))
            await self._fan_out(item)
        except PenstockError as error:
            await self._put_off(item, is_hopeless(item, error))
        else:
            await self._store.keep(item, values)

    async def _parameters(self, item: UnreadTask) -> dict[str, Any]:
        run = item.task.run
        graph = await self._reader.graph(run.flow_id, run.shown_id)
        if graph is None:
            raise NotFoundError(f"the graph of {run.flow_id}/{run.shown_id} cannot be read")
        return await self._plain(item, [str(known["name"]) for known in graph.get("parameters") or () if isinstance(known, dict)])

    async def _own_values(self, item: UnreadTask) -> dict[str, Any]:
        return await self._plain(item, item.own)

    async def _fan_out(self, item: UnreadTask) -> None:
        """Note how many tasks of which step follow a task of a foreach."""
        if not item.fans_out:
            return
        found = await self._plain(item, (FOREACH_SPLITS, _TRANSITION), types=PLAIN_TYPES | {"tuple"})
        count, steps = found.get(FOREACH_SPLITS), found.get(_TRANSITION)
        while isinstance(steps, list) and steps:
            steps = steps[0]  # (["train"], None): the steps that follow, of a foreach one
        if isinstance(count, int) and 0 < count <= _MOST_SPLITS and isinstance(steps, str):
            await self._store.keep_fan_out(item, steps, count)

    async def _plain(self, item: UnreadTask, names: Sequence[str], *, types: Collection[str] = PLAIN_TYPES) -> dict[str, Any]:
        task = item.task
        wanted = set(names)
        if not wanted:
            return {}
        infos = await self._reader.values(task.run.flow_id, task.run.shown_id, task.step_name, task.shown_id, item.attempt)
        small = [
            info
            for info in infos
            if info.name in wanted and info.type_name in types and info.size_bytes is not None and info.size_bytes <= MAX_PLAIN_BYTES
        ]
        return await self._reader.plain_values(task.run.flow_id, task.run.shown_id, task.step_name, task.shown_id, small)
