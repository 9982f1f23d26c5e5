"""Log bytes for the viewer: windows by byte range with line numbers, search on the server, and the tail of a failure.

Logs may be huge, so nothing here reads more than it needs: the end first, then windows as the reader scrolls. Line numbers come from
counting newlines once per file in fixed steps; the counts are kept for files seen lately.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from penstock.api.downloads import attachment
from penstock.domain.log_lines import meaningful_lines
from penstock.domain.terminal_text import without_escapes
from penstock.interfaces.line_finder import ExpressionError
from penstock.web.runs.wanted import Wanted, expression_wanted, words_wanted
from penstock.web.services.web import LogFiles, WebServices

WINDOW = 256 * 1024
"""Bytes per fetch."""
_STEP = 1024 * 1024
_COUNTED_AT_ONCE = 64 * _STEP
_MAX_MATCHES = 500
_SEARCHED_AT_ONCE = 256 * _STEP
"""Bytes that one search request looks through; the answer says where to go on."""
_ASKED_AT_ONCE = 16 * _STEP
"""Bytes in which another process looks for an expression, as each time one begins."""
_LONGEST = 8 * _STEP
"""Bytes of a line that is not waited for to end."""
_counts: OrderedDict[tuple[str, str, int], list[int]] = OrderedDict()


async def log_window(services: WebServices, request: Request) -> Response:
    """Answer with raw bytes: `?offset=` and `?length=`, or the last window without an offset.

    Headers: `x-log-offset` where it begins, `x-log-size` bytes there are now, `x-log-line` 0-based number of its first line, or -1 while
    more than 64 MiB before it are not counted yet (`/line-number` counts them and answers), `x-log-stderr` whether `/streams` tells more.
    Windows in the middle begin after a line end where one is near.
    """
    run_id, task_id = request.path_params["run_id"], request.path_params["task_id"]
    attempt = _number(request, "attempt", 0)
    length = min(max(1, _number(request, "length", WINDOW)), 4 * WINDOW)

    def work() -> tuple[int, int, int, bytes, bool]:
        size = services.logs.size(run_id, task_id, attempt) or 0
        wanted = _number(request, "offset", -1)
        offset = max(0, size - length) if wanted < 0 else min(wanted, size)
        data = services.logs.read(run_id, task_id, attempt, offset=offset, length=length)
        if offset > 0 and request.query_params.get("align") != "0" and (wanted < 0 or request.query_params.get("align") == "1"):
            cut = data.find(b"\n") + 1
            offset, data = offset + cut, data[cut:]
        line = first_line_of(services.logs, run_id, task_id, attempt, offset)
        has_errors = bool(services.logs.stderr_spans(run_id, task_id, attempt, start=offset, end=offset + len(data)))
        return size, offset, line, data, has_errors

    size, offset, line, data, has_errors = await asyncio.to_thread(work)
    headers = {
        "x-log-size": str(size),
        "x-log-offset": str(offset),
        "x-log-line": str(line),
        "x-log-stderr": "1" if has_errors else "0",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "no-store",
    }
    return Response(data, media_type="text/plain; charset=utf-8", headers=headers)


async def log_streams(services: WebServices, request: Request) -> Response:
    """Say which bytes from `?from=` to `?to=` (a window or two) went to stderr: pairs of offsets."""
    run_id, task_id = request.path_params["run_id"], request.path_params["task_id"]
    attempt, start = _number(request, "attempt", 0), max(0, _number(request, "from", 0))
    end = min(_number(request, "to", 0), start + 8 * WINDOW)
    spans = await asyncio.to_thread(services.logs.stderr_spans, run_id, task_id, attempt, start=start, end=end)
    return JSONResponse({"stderr": spans}, headers={"cache-control": "no-store"})


async def log_times(services: WebServices, request: Request) -> Response:
    """Say when the bytes from `?from=` to `?to=` were seen: pairs of an offset and the milliseconds of the bytes before it.

    `times` is null when nothing is known of this log.
    """
    run_id, task_id = request.path_params["run_id"], request.path_params["task_id"]
    attempt, start, end = _number(request, "attempt", 0), max(0, _number(request, "from", 0)), _number(request, "to", 0)
    times = await asyncio.to_thread(services.logs.times, run_id, task_id, attempt, start=start, end=end)
    return JSONResponse({"times": times}, headers={"cache-control": "no-store"})


async def log_download(services: WebServices, request: Request, *, name: str = "") -> Response:
    """Answer with the whole log as a file, streamed in pieces; of `?stream=stdout` or `stderr` only what went there.

    The file is called by `name`, else by the task's id, and by the attempt.
    """
    run_id, task_id = request.path_params["run_id"], request.path_params["task_id"]
    attempt = _number(request, "attempt", 0)
    size = await asyncio.to_thread(services.logs.size, run_id, task_id, attempt) or 0
    stream = request.query_params.get("stream", "")
    stream = stream if stream in {"stdout", "stderr"} else ""
    step = WINDOW if stream else _STEP

    def pieces() -> Iterator[bytes]:
        offset = 0
        while offset < size:
            piece = services.logs.read(run_id, task_id, attempt, offset=offset, length=min(step, size - offset))
            if not piece:
                return
            if stream:
                spans = services.logs.stderr_spans(run_id, task_id, attempt, start=offset, end=offset + len(piece))
                yield of_stream(piece, [(first - offset, last - offset) for first, last in spans], is_stderr=stream == "stderr")
            else:
                yield piece
            offset += len(piece)

    file_name = f"{name or task_id}-{attempt}{'-' if stream else ''}{stream}.log"
    headers = {"content-disposition": attachment(file_name), "x-content-type-options": "nosniff"}
    return StreamingResponse(pieces(), media_type="text/plain; charset=utf-8", headers=headers)


def of_stream(data: bytes, spans: Sequence[tuple[int, int]], *, is_stderr: bool) -> bytes:
    """Return what of `data` lies in `spans`, which are in order and may reach beyond it, or what lies between them."""
    within, between, place = [], [], 0
    for first, last in spans:
        between.append(data[place : max(place, first)])
        within.append(data[max(place, first) : max(place, last)])
        place = max(place, last)
    return b"".join(within if is_stderr else [*between, data[place:]])


async def log_search(services: WebServices, request: Request) -> Response:
    """Find `?q=` (a regular expression with `?regex=1`) and answer with line numbers, offsets and texts, at most 500.

    One request looks through 256 MiB from `?from=` on (at line `?from_line=`); `next` says where the next one begins, null at the end.
    """
    run_id, task_id = request.path_params["run_id"], request.path_params["task_id"]
    attempt = _number(request, "attempt", 0)
    text = request.query_params.get("q", "")[:500]
    size = await asyncio.to_thread(services.logs.size, run_id, task_id, attempt) or 0
    start = min(max(0, _number(request, "from", 0)), size), max(0, _number(request, "from_line", 0))
    try:
        wanted = expression_wanted(text, services.finder) if request.query_params.get("regex") == "1" else words_wanted(text)
        found = await find_lines(services.logs, (run_id, task_id, attempt), wanted, start)
    except ExpressionError as error:
        return JSONResponse({"error": str(error), "matches": []})
    body = {"matches": found.matches, "is_cut": found.is_cut, "next": found.next_offset, "next_line": found.next_line}
    return JSONResponse(body, headers={"cache-control": "no-store"})


@dataclass(slots=True)
class Found:
    """What a search came across so far."""

    matches: list[dict[str, object]]
    """`line` (0-based), `offset` and `text` of each."""
    is_cut: bool = False
    """There were more than are returned."""
    next_offset: int | None = None
    """Where to go on; None at the end."""
    next_line: int = 0


async def find_lines(logs: LogFiles, log: tuple[str, str, int], wanted: Wanted, start: tuple[int, int] = (0, 0)) -> Found:
    """Search block by block.

    Args:
        logs: where the log is.
        log: run, task and attempt whose log it is.
        wanted: what is looked for, in the first 20,000 bytes of each line.
        start: byte and line number of the beginning of a line, from which on is searched.

    Raises:
        ExpressionError: the expression takes too long on these lines.
    """
    found = Found([])
    (offset, line), rest = start, b""
    step = _STEP if wanted.finder is None else _ASKED_AT_ONCE
    while not found.is_cut:
        if offset - start[0] >= _SEARCHED_AT_ONCE:
            found.next_offset, found.next_line = offset, line
            return found
        piece = await asyncio.to_thread(logs.read, *log, offset=offset + len(rest), length=step)
        block = rest + piece
        end = block.rfind(b"\n") + 1 if piece else len(block)
        if end == 0 and len(block) >= _LONGEST:
            end = len(block)
        if end:
            block, rest = block[:end], block[end:]
            (numbers,) = await wanted.numbers([block.removesuffix(b"\n")], _searched, most=_MAX_MATCHES - len(found.matches) + 1)
            _add(found, block, (offset, line), numbers)
            offset, line = offset + end, line + block.count(b"\n")
        else:
            rest = block
        if not piece:
            return found
    return found


def _searched(raw: bytes) -> bytes:
    """What of a line is looked at."""
    return raw[:20_000]


def _add(found: Found, block: bytes, start: tuple[int, int], numbers: Sequence[int]) -> None:
    """Add the lines of a block that match, by their numbers in it, until there are as many as are returned."""
    room = _MAX_MATCHES - len(found.matches)
    found.is_cut = len(numbers) > room
    lines, offset, last = block.split(b"\n") if numbers else [], start[0], 0
    for number in numbers[:room]:
        offset += sum(len(raw) + 1 for raw in lines[last:number])
        text = without_escapes(lines[number])[:300].decode("utf-8", "replace").strip()
        found.matches.append({"line": start[1] + number, "offset": offset, "text": text})
        last = number


def first_line_of(logs: LogFiles, run_id: str, task_id: str, attempt: int, offset: int) -> int:
    """Return the 0-based number of the line that begins at `offset`, or -1 while more than 64 MiB before it are not counted yet."""
    is_near = offset - _STEP * (len(_counts.get((run_id, task_id, attempt), [0])) - 1) <= _COUNTED_AT_ONCE
    return lines_before(logs, run_id, task_id, attempt, offset) if is_near else -1


def lines_before(logs: LogFiles, run_id: str, task_id: str, attempt: int, offset: int) -> int:
    """Count the newlines before `offset`; whole steps are counted once and remembered."""
    counts = _counts.setdefault((run_id, task_id, attempt), [0])
    _counts.move_to_end((run_id, task_id, attempt))
    while len(_counts) > 64:
        _counts.popitem(last=False)
    steps = offset // _STEP
    while len(counts) <= steps:
        piece = logs.read(run_id, task_id, attempt, offset=(len(counts) - 1) * _STEP, length=_STEP)
        counts.append(counts[-1] + piece.count(b"\n"))
    start = steps * _STEP
    return counts[steps] + logs.read(run_id, task_id, attempt, offset=start, length=offset - start).count(b"\n")


async def last_lines(logs: LogFiles, run_id: str, task_id: str, attempt: int, *, count: int) -> str:
    """Return the last `count` lines that its component wrote, without colours."""

    def work() -> str:
        size = logs.size(run_id, task_id, attempt) or 0
        data = logs.read(run_id, task_id, attempt, offset=max(0, size - 16_384), length=16_384) if size else b""
        lines = [line.rsplit(b"\r", 1)[-1] for line in without_escapes(data).splitlines()]
        return "\n".join(meaningful_lines(b"\n".join(lines).decode("utf-8", "replace"))[-count:])

    return await asyncio.to_thread(work)


def _number(request: Request, name: str, default: int) -> int:
    try:
        return int(request.query_params.get(name, default))
    except ValueError:
        return default


async def log_line(services: WebServices, request: Request) -> Response:
    """Say at which byte line `?line=` (0-based) begins."""
    run_id, task_id = request.path_params["run_id"], request.path_params["task_id"]
    attempt, line = _number(request, "attempt", 0), max(0, _number(request, "line", 0))
    offset = await asyncio.to_thread(offset_of_line, services.logs, run_id, task_id, attempt, line)
    return JSONResponse({"offset": offset})


async def log_line_number(services: WebServices, request: Request) -> Response:
    """Say which line (0-based) begins at byte `?offset=`; counts what is not counted yet, about a second for a gigabyte."""
    run_id, task_id = request.path_params["run_id"], request.path_params["task_id"]
    attempt = _number(request, "attempt", 0)
    size = await asyncio.to_thread(services.logs.size, run_id, task_id, attempt) or 0
    offset = min(max(0, _number(request, "offset", 0)), size)
    line = await asyncio.to_thread(lines_before, services.logs, run_id, task_id, attempt, offset)
    return JSONResponse({"line": line}, headers={"cache-control": "no-store"})


def offset_of_line(logs: LogFiles, run_id: str, task_id: str, attempt: int, line: int) -> int:
    """Byte at which a line begins; the end of the log when there are fewer lines."""
    offset, seen = 0, 0
    while True:
        piece = logs.read(run_id, task_id, attempt, offset=offset, length=_STEP)
        if not piece:
            return offset
        count = piece.count(b"\n")
        if seen + count >= line:
            position = -1
            for _ in range(line - seen):
                position = piece.find(b"\n", position + 1)
            return offset + position + 1
        seen += count
        offset += len(piece)
