"""Endpoints of recurring runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.kfp.convert.recurring_runs import (
    recurring_change_from_wire,
    recurring_request_from_wire,
    recurring_to_wire,
    tick_to_wire,
)
from penstock.api.kfp.services import KfpServices
from penstock.api.kfp.wire import JsonAnswer, message, read_message, timestamp
from penstock.api.objects_seen import note_made
from penstock.api.queries import list_request, query_text
from penstock.domain.catalog import RecurringRun
from penstock.domain.ids import ExperimentId, RecurringRunId

_TICKS = 50
_UPCOMING = 10


class RecurringRunHandlers:
    """`/recurringruns`."""

    def __init__(self, services: KfpServices) -> None:
        self._recurring = services.recurring_runs

    async def create(self, request: Request) -> Response:
        """POST /recurringruns."""
        wanted = recurring_request_from_wire(await read_message(request))
        made = await self._recurring.create(wanted)
        note_made(request.scope, "recurring", made.recurring_run_id)
        return await self._answer(made)

    async def list(self, request: Request) -> Response:
        """GET /recurringruns; the list's key is camelCase, the only one that clients read so."""
        experiment_id = query_text(request, "experiment_id")
        page, opened = await self._recurring.list(
            list_request(request),
            namespace=query_text(request, "namespace"),
            experiment_id=ExperimentId(experiment_id) if experiment_id else None,
        )
        return JsonAnswer(
            message(recurringRuns=await self._wire(page.items), total_size=page.total, next_page_token=opened.next_token(page))
        )

    async def get(self, request: Request) -> Response:
        """GET /recurringruns/{id}."""
        return await self._answer(await self._recurring.get(_id(request)))

    async def update(self, request: Request) -> Response:
        """PATCH /recurringruns/{id}: any part (an addition of this server)."""
        change = recurring_change_from_wire(await read_message(request))
        return await self._answer(await self._recurring.update(_id(request), change))

    async def delete(self, request: Request) -> Response:
        """DELETE /recurringruns/{id}; whatever the propagation policy says, its runs stay."""
        await self._recurring.delete(_id(request))
        return JsonAnswer({})

    async def enable(self, request: Request) -> Response:
        """POST /recurringruns/{id}:enable."""
        await self._recurring.set_enabled(_id(request), is_enabled=True)
        return JsonAnswer({})

    async def disable(self, request: Request) -> Response:
        """POST /recurringruns/{id}:disable."""
        await self._recurring.set_enabled(_id(request), is_enabled=False)
        return JsonAnswer({})

    async def ticks(self, request: Request) -> Response:
        """GET /recurringruns/{id}/ticks: the newest planned times and what became of them, and the next ones (an addition)."""
        recurring = await self._recurring.get(_id(request))
        ticks = await self._recurring.ticks(recurring.recurring_run_id, limit=_TICKS)
        upcoming = self._recurring.upcoming(recurring, count=_UPCOMING) if recurring.is_enabled else []
        return JsonAnswer({"ticks": [tick_to_wire(tick) for tick in ticks], "next_times": [timestamp(at) for at in upcoming]})

    async def _answer(self, recurring: RecurringRun) -> Response:
        return JsonAnswer((await self._wire([recurring]))[0])

    async def _wire(self, schedules: Sequence[RecurringRun]) -> Sequence[dict[str, Any]]:
        specs = await self._recurring.specs_of(schedules)
        return [recurring_to_wire(one, specs.get(one.spec_digest) if one.spec_digest else None) for one in schedules]


def _id(request: Request) -> RecurringRunId:
    return RecurringRunId(request.path_params["recurring_run_id"])
