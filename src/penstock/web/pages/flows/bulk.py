"""What the bulk bar of the list of flows does: add tags to the runs picked, or to all that match; compare those picked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from penstock.web.flows.tag_words import tags_in
from penstock.web.pages.flows.runs import flow_query
from penstock.web.pages.lists.picked import MOST_AT_ONCE, ListAddress, missing, picked
from penstock.web.pages.lists.undone import UNTAGGED, tag_each
from penstock.web.pages.runs.runs import MOST_COMPARED
from penstock.web.render import Notice, query_url, redirect
from penstock.web.services.flows import FlowWeb
from penstock.web.services.web import WebServices
from penstock.web.texts.zones import reading_zone

_LONGEST_TAG = 500


async def act(services: WebServices, flows: FlowWeb, request: Request) -> Response:
    """Tag or compare runs; a row is named `FLOW/RUN`."""

    async def matching(address: ListAddress) -> Sequence[str]:
        flow_id = unquote(address.path.removeprefix("/flows").strip("/")) if address.path.startswith("/flows") else ""
        zone = reading_zone(address.query, request.cookies)
        query = replace(flow_query(flow_id, address.query, services.clock.now(), zone), offset=0, limit=MOST_AT_ONCE)
        return [run.shared_id for run in await flows.pages.rows(query)]

    wanted = await picked(request, "/flows", matching)
    tags = [tag[:_LONGEST_TAG] for tag in tags_in(str(wanted.form.get("tags", "")))]
    if wanted.verb == "compare" and wanted.ids:
        return redirect(query_url("/ui/compare", {"runs": ",".join(wanted.ids[:MOST_COMPARED])}))
    if wanted.verb not in UNTAGGED and (wanted.verb != "tag" or not wanted.ids):
        return redirect(wanted.target, Notice("Nothing was selected.", "error"))
    if wanted.verb == "tag" and not tags:
        return missing(request, wanted.target, "Name the tag to add.")

    async def change(row: str, add: Sequence[str], remove: Sequence[str]) -> Sequence[str]:
        flow_id, _, run_id = row.partition("/")
        had = (await flows.recorder.store.run(flow_id, run_id)).by
        await flows.recorder.change_tags(flow_id, run_id, add, remove)
        return [*had.tags, *had.system_tags]

    return await tag_each(services, request, wanted, tags, change, "/ui/flows/actions")
