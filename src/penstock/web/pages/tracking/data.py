"""Data behind the drawings of the tracking pages: series for charts, media over steps, console lines, bytes of files.

A chart asks for one key of up to 50 runs and gets columns: per bucket of rows the last, lowest and highest value, so that what is sent
grows with the pixels and no spike is lost. Bytes that programs stored are served in a box, never as part of our origin.
"""

from __future__ import annotations

import asyncio
import json
import math
import mimetypes
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from penstock.api.downloads import attachment
from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.ids import Digest
from penstock.domain.numbers import finite_number
from penstock.domain.tracking import TrackedRun
from penstock.domain.versions import ArtifactVersion, ManifestEntry, UseDirection
from penstock.interfaces.tracking_store import ChartSeries
from penstock.tracking.artifacts import hex_md5
from penstock.tracking.history import EVENTS, HISTORY
from penstock.web.following import with_listener
from penstock.web.pages.artifacts.row_answers import is_question, row_answer
from penstock.web.previews.content import head_of, media_type_of
from penstock.web.previews.json_documents import read_json
from penstock.web.security import BOX_HEADERS, PAPER_HEADERS, STILL_HEADERS
from penstock.web.services.tracking import TrackingServices, run_by_id, runs_by_ids
from penstock.web.services.web import WebServices
from penstock.web.tracking.documents import plain

MAX_POINTS = 4000
NO_STORE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_MAX_TABLE = 16 << 20
_REFERENCE = re.compile(r"wandb(-client)?-artifact://([\w-]{1,256})/(.{1,1000})")
"""How clients name a file of a version from elsewhere."""
_TABLE_ROWS = 200
_SPREAD_STEPS = 16
_MAX_TABLES = 200
"""Logged versions among which media of a table are looked for."""
_PLAYED = ("audio/", "video/")


async def series(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with `key` of each of `runs` (storage ids) over `x`, in at most `points` buckets, between `from` and `to` (values of x)."""
    query = request.query_params
    key, x_key = query.get("key", ""), query.get("x", "_step")
    if not key:
        raise InvalidArgumentError("say which key to draw")
    stream = EVENTS if query.get("stream") == "events" else HISTORY
    points = max(10, min(_number(query.get("points"), 800), MAX_POINTS))
    low, high = _bound(query.get("from")), _bound(query.get("to"))
    runs = await runs_by_ids(tracking, request, query.get("runs", ""))

    async def one(run: TrackedRun) -> Mapping[str, Any]:
        drawn = await _drawn(tracking, run, stream, key, x_key, points, low, high)
        return {"run": str(run.run_id), **columns_of(drawn)}

    drawn = await asyncio.gather(*(one(run) for run in runs.values()))
    body = orjson.dumps({"key": key, "x": x_key, "series": drawn}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, media_type="application/json", headers=NO_STORE)


async def _drawn(
    tracking: TrackingServices, run: TrackedRun, stream: str, key: str, x_key: str, points: int, low: float | None, high: float | None
) -> ChartSeries:
    """Draw the part of a series between two values of x. For an x other than the step, the steps are looked up first."""
    history = tracking.history
    if low is None and high is None:
        return await history.chart(run.run_id, key, x_key=x_key, points=points, stream=stream)
    if x_key == "_step":
        first = None if low is None else math.floor(low)
        last = None if high is None else math.ceil(high) + 1
        return await history.chart(run.run_id, key, points=points, stream=stream, min_step=first, max_step=last)
    by_x = await history.chart(run.run_id, key, x_key=x_key, points=MAX_POINTS, stream=stream)
    by_step = await history.chart(run.run_id, key, points=MAX_POINTS, stream=stream)
    first, last = step_range(by_x.x, by_step.x, low, high)
    return await history.chart(run.run_id, key, x_key=x_key, points=points, stream=stream, min_step=first, max_step=last)


def step_range(x: Sequence[float], steps: Sequence[float], low: float | None, high: float | None) -> tuple[int | None, int | None]:
    """Return the steps (from, until) of the buckets whose x may lie between `low` and `high`, one bucket more on each side."""
    inside = [
        place for place, value in enumerate(x) if (low is None or value >= low) and (high is None or value <= high) and place < len(steps)
    ]
    if not inside:
        return None, None
    start = max(inside[0] - 2, -1)
    stop = min(inside[-1] + 1, len(steps) - 1)
    return (None if start < 0 else math.floor(steps[start])), math.ceil(steps[stop]) + 1


def columns_of(drawn: ChartSeries) -> dict[str, Any]:
    """Return the columns of a drawing; values that are no numbers become gaps with a mark."""
    marks = []
    y: list[float | None] = []
    for place, value in enumerate(drawn.last):
        if math.isfinite(value):
            y.append(value)
        else:
            y.append(None)
        for shown in (value, drawn.low[place], drawn.high[place]):
            if not math.isfinite(shown):
                marks.append([drawn.x[place], "NaN" if math.isnan(shown) else "+inf" if shown > 0 else "-inf"])
                break
    is_full = drawn.rows <= len(drawn.x)
    body: dict[str, Any] = {"x": drawn.x, "y": y, "rows": drawn.rows, "marks": marks[:200]}
    if not is_full:
        body |= {"low": drawn.low, "high": drawn.high, "low_x": drawn.low_x, "high_x": drawn.high_x}
    return body


def _bound(text: str | None) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise InvalidArgumentError(f"{text[:40]!r} is not a number") from error
    return value if math.isfinite(value) else None


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.lstrip("-").isdecimal() and len(text) < 17 else default


async def media(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with the values of a media key by step, newest 200 at most; an even choice when there are more."""
    run = await run_by_id(tracking, request, request.path_params["run_id"])
    key = request.query_params.get("key", "")
    rows = (await tracking.history.sampled(run.run_id, [json.dumps({"keys": ["_step", key], "samples": 200})]))[0]
    values = [{"step": row.get("_step"), "value": plain(row[key])} for row in rows if isinstance(row.get(key), Mapping | list)]
    return JSONResponse({"key": key, "values": values}, headers=NO_STORE)


async def console(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with console lines: the last `last`, those `after` a number, those `before` one; or those that contain `q`.

    With `label` only those of the writers of a shared run that have it.
    """
    run = await run_by_id(tracking, request, request.path_params["run_id"])
    query, label = request.query_params, request.query_params.get("label", "")
    if query.get("q"):
        lines = await tracking.console.search(run.run_id, query["q"][:500], limit=501, label=label)
        body: dict[str, Any] = {"matches": [line.number for line in lines[:500]], "is_cut": len(lines) > 500}
        return JSONResponse(body, headers=NO_STORE)
    limit = max(1, min(_number(query.get("limit"), 500), 2000))
    if "after" in query:
        page = await tracking.console.page(run.run_id, first=limit, after=_number(query["after"], -1), label=label)
    elif "before" in query:
        page = await tracking.console.page(run.run_id, last=limit, before=_number(query["before"], 0), label=label)
    else:
        page = await tracking.console.page(run.run_id, last=limit, label=label)
    body = {
        "lines": [[line.number, line.text, line.timestamp, line.level == "error", line.label] for line in page.lines],
        "has_next": page.has_next,
        "has_previous": page.has_previous,
        "count": page.line_count,
    }
    return JSONResponse(body, headers=NO_STORE)


async def console_text(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with the whole console, or what the writers of `label` sent of it, as a text file, page by page."""
    run = await run_by_id(tracking, request, request.path_params["run_id"])
    label = request.query_params.get("label", "")

    async def pieces() -> Any:
        after = -1
        while True:
            page = await tracking.console.page(run.run_id, first=5000, after=after, label=label)
            if not page.lines:
                return
            after = page.lines[-1].number
            yield "".join(f"{line.text}\n" for line in page.lines).encode()

    headers = NO_STORE | {"content-disposition": attachment(f"{run.name}.log")}
    return StreamingResponse(pieces(), media_type="text/plain; charset=utf-8", headers=headers)


async def run_file(tracking: TrackingServices, request: Request) -> tuple[Digest, str, int]:
    """Return blob, name and size of the file that the address names. Media inside a table lie in the table's artifact, not in the run.

    Raises:
        NotFoundError: neither the run nor a table that it logged has such a file.
    """
    return await stored_file(tracking, await run_by_id(tracking, request, request.path_params["run_id"]), request.path_params["path"])


async def stored_file(tracking: TrackingServices, run: TrackedRun, path: str) -> tuple[Digest, str, int]:
    """Return blob, name and size of a run's file, or of a file in an artifact of a table that it logged.

    Raises:
        NotFoundError: there is no such file.
    """
    file = await tracking.files.get(run.run_id, path)
    if file is not None and file.digest is not None:
        return file.digest, file.name, file.size_bytes
    found = await asyncio.to_thread(_in_tables, tracking, run, path) if path.startswith("media/") else None
    if found is None:
        raise NotFoundError(f"The run has no file {path}.")
    return found


def _in_tables(tracking: TrackingServices, run: TrackedRun, path: str) -> tuple[Digest, str, int] | None:
    logged, _ = tracking.artifacts.of_run(run.run_id, UseDirection.OUTPUT, limit=_MAX_TABLES)
    for version in logged:
        if version.type_name != "run_table":
            continue
        for entry in tracking.artifacts.listing(version).named([path]):
            content = tracking.artifacts.content(version.project_id, hex_md5(entry.digest))
            if content is not None:
                return content.blob_digest, path, content.size_bytes
    return None


async def file_content(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """The bytes of a run's file: boxed to look at, or as a download with `?download=1`."""
    return await boxed(services, request, *await run_file(tracking, request))


async def boxed(services: WebServices, request: Request, digest: Digest, name: str, size_bytes: int) -> Response:
    """Serve stored bytes so that nothing in them runs in our origin; ranges work, so that audio and video can be searched.

    With `?follow=1` a document scrolls with those beside it.
    """
    if is_question(request):
        return await row_answer(services, request, digest, size_bytes)
    head = await asyncio.to_thread(head_of, services.blobs, digest, 1024)
    if request.query_params.get("download"):
        headers = STILL_HEADERS | {"content-disposition": attachment(name.rsplit("/", 1)[-1])}
        return stream(services, request, digest, size_bytes, "application/octet-stream", headers)
    is_html = name.lower().endswith((".html", ".htm"))
    media = media_type_of(head, "system.HTML" if is_html else "")
    guessed = mimetypes.guess_type(name)[0] or ""
    if media == "application/octet-stream" and guessed.startswith(_PLAYED):
        media = guessed
    headers = headers_of(media)
    if media == "text/html" and request.query_params.get("follow"):
        return StreamingResponse(with_listener(services.blobs.read(digest)), media_type="text/html; charset=utf-8", headers=headers)
    return stream(services, request, digest, size_bytes, f"{media}; charset=utf-8" if media.startswith("text/") else media, headers)


def headers_of(media: str) -> dict[str, str]:
    """Return what keeps content of a media type in its box."""
    return {"text/html": BOX_HEADERS, "application/pdf": PAPER_HEADERS}.get(media, STILL_HEADERS)


def stream(services: WebServices, request: Request, digest: Digest, size_bytes: int, media: str, headers: Mapping[str, str]) -> Response:
    """Return stored bytes, all or the range asked for."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    full = dict(headers) | {"accept-ranges": "bytes"}
    if match is None or int(match[1]) >= size_bytes:
        full["content-length"] = str(size_bytes)
        return StreamingResponse(services.blobs.read(digest), media_type=media, headers=full)
    first = int(match[1])
    last = min(int(match[2]), size_bytes - 1) if match[2] else size_bytes - 1
    full |= {"content-range": f"bytes {first}-{last}/{size_bytes}", "content-length": str(last - first + 1)}
    part = services.blobs.read(digest, offset=first, length=last - first + 1)
    return StreamingResponse(part, status_code=206, media_type=media, headers=full)


async def table(services: WebServices, tracking: TrackingServices, request: Request) -> Response:
    """Answer with rows of a stored `*.table.json`: those with `q` in them, by column `sort` (`-3`: descending), after `from` of them.

    The first page also says how the values of each column are spread. One that is too large names the page where it is looked through.
    """
    whole = await _whole_table(tracking, request)
    digest, _, size_bytes = whole or await run_file(tracking, request)
    try:
        if size_bytes > _MAX_TABLE:
            raise ValueError("too large")
        document = await asyncio.to_thread(lambda: read_json(b"".join(services.blobs.read(digest))))
    except ValueError as error:
        return JSONResponse({"error": str(error), "page": await _page_of(tracking, request)}, headers=NO_STORE)
    query = request.query_params
    found = await asyncio.to_thread(rows_of, document, query.get("q", "").lower(), query.get("sort", ""), _number(query.get("from"), 0))
    return JSONResponse(plain(found | ({"beside": whole[1]} if whole else {})), headers=NO_STORE)


async def _page_of(tracking: TrackingServices, request: Request) -> str:
    """Return the address of the page of a run's file, where tables of any size are looked through a piece at a time."""
    run = await run_by_id(tracking, request, request.path_params["run_id"])
    place = [quote(part, safe="") for part in (run.entity, run.project, "runs", run.name, "files")]
    return f"/{'/'.join(place)}/{quote(request.path_params['path'])}"


async def _whole_table(tracking: TrackingServices, request: Request) -> tuple[Digest, str, int] | None:
    """Return the table that `?ref=` names in an artifact of the run's project, and the version beside whose files its media lie.

    The run's own copy has words in place of media.
    """
    ref = request.query_params.get("ref", "")
    if _REFERENCE.fullmatch(ref) is None:
        return None
    run = await run_by_id(tracking, request, request.path_params["run_id"])

    def find() -> tuple[Digest, str, int] | None:
        if (found := _referenced(tracking, run.project_id, ref)) is None:
            return None
        version, entry = found
        content = tracking.artifacts.content(version.project_id, hex_md5(entry.digest))
        if content is None:
            return None
        # A table that was logged before is a reference to where it was, and its media lie there.
        place = _referenced(tracking, run.project_id, entry.ref) if entry.ref else None
        holder = version if place is None else place[0]
        return content.blob_digest, f"/ui/tracking/versions/{holder.version_id}/files/", content.size_bytes

    return await asyncio.to_thread(find)


def _referenced(tracking: TrackingServices, project_id: int, ref: str) -> tuple[ArtifactVersion, ManifestEntry] | None:
    """Return the version and the file that a client's reference names; None when there is none in the project."""
    match = _REFERENCE.fullmatch(ref)
    if match is None:
        return None
    number = _version_number(match[2]) if match[1] is None else None
    version = tracking.artifacts.by_client_id(match[2]) if match[1] else tracking.artifacts.get(number) if number else None
    if version is None or version.project_id != project_id or version.manifest_digest is None:
        return None
    return next(((version, entry) for entry in tracking.artifacts.listing(version).named([match[3]])), None)


def _version_number(hex_id: str) -> int | None:
    """Return the number in a version id as references write it: the hex of `Artifact:<number>`."""
    try:
        kind, _, text = bytes.fromhex(hex_id).decode("ascii").partition(":")
    except ValueError:
        return None
    return int(text) if kind == "Artifact" and text.isdecimal() and len(text) < 17 else None


def rows_of(document: Any, wanted: str = "", sort: str = "", first: int = 0) -> dict[str, Any]:
    """Return columns and a page of rows of a table document, or of a Plotly figure's traces."""
    columns, rows = table_of(document)
    matching = [row for row in rows if wanted in str(row).lower()] if wanted else rows
    place = sort.removeprefix("-")
    if place.isdecimal() and int(place) < len(columns):
        held = [row for row in matching if int(place) < len(row) and row[int(place)] is not None]
        absent = [row for row in matching if not (int(place) < len(row) and row[int(place)] is not None)]
        matching = sorted(held, key=lambda row: _order_of(row[int(place)]), reverse=sort.startswith("-")) + absent
    first = max(0, first)
    page = matching[first : first + _TABLE_ROWS]
    body: dict[str, Any] = {"columns": columns, "rows": page, "count": len(rows), "matching": len(matching)}
    if not (wanted or sort or first):
        body["spreads"] = [_spread([row[at] if at < len(row) else None for row in rows]) for at in range(len(columns))]
    return body


def table_of(document: Any) -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows of a table document; of a Plotly figure, the points of its traces."""
    if isinstance(document, Mapping) and isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
        return [str(name) for name in document["columns"]], [row for row in document["data"] if isinstance(row, list)]
    if not (isinstance(document, Mapping) and isinstance(document.get("data"), list)):
        return ["value"], [[json.dumps(document)[:2000]]]
    rows: list[list[Any]] = []
    for place, trace in enumerate(document["data"]):
        if not isinstance(trace, Mapping):
            continue
        name = trace.get("name") or f"{trace.get('type', 'trace')} {place}"
        x = _listed(trace, "x")
        for at, value in enumerate(_listed(trace, "y") or _listed(trace, "values") or _listed(trace, "z")):
            rows.append([name, x[at] if at < len(x) else at, value])
    return ["trace", "x", "y"], rows


def _order_of(value: Any) -> tuple[int, float, str]:
    """Order numbers by size before everything else by text."""
    if isinstance(value, int | float):
        return (2, 0.0, "") if finite_number(float(value) if isinstance(value, bool) else value) is None else (0, value, "")
    return (1, 0.0, str(value))


def _spread(values: Sequence[Any]) -> Mapping[str, Any] | None:
    """Return how values are spread: counts of numbers in even steps, or how many different texts there are."""
    numbers = [value for value in values if finite_number(value) is not None]
    if len(numbers) > 1 and len(numbers) >= len(values) / 2:
        low, high = min(numbers), max(numbers)
        counts = [0] * _SPREAD_STEPS
        for value in numbers:
            counts[min(_SPREAD_STEPS - 1, int((value - low) / ((high - low) or 1) * _SPREAD_STEPS))] += 1
        return {"counts": counts, "low": low, "high": high}
    texts = {value for value in values if isinstance(value, str)}
    return {"distinct": len(texts)} if texts else None


def _listed(trace: Mapping[str, Any], name: str) -> list[Any]:
    value = trace.get(name)
    return value if isinstance(value, list) else []
