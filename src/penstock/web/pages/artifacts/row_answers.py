"""Answers questions over the rows of a whole file, a piece at a time: `FILE?ask=rows&find=...&order=-loss&by=label&at=...`."""

from __future__ import annotations

import asyncio
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from penstock.domain.errors import NotFoundError
from penstock.domain.ids import Digest
from penstock.web.previews.row_scan import Answer, answer_document, question_of, scan
from penstock.web.previews.row_sources import RowSource, open_rows
from penstock.web.services.web import WebServices

_AT_ONCE = 2
_MAX_TEXT = 2000
_NO_STORE = {"cache-control": "no-store"}


class _Running:
    """How many pieces are being read: each keeps a thread and a processor busy for a second."""

    count = 0


def is_question(request: Request) -> bool:
    """Whether an address asks for rows instead of bytes."""
    return request.query_params.get("ask") == "rows"


async def row_answer(services: WebServices, request: Request, digest: Digest, size: int) -> Response:
    """Answer one piece.

    Raises:
        InvalidArgumentError: the question cannot be read.
        NotFoundError: the bytes are gone, or the file is no table.
    """
    if _Running.count >= _AT_ONCE:
        return JSONResponse({"error": "other files are being read; try again in a second"}, 429, _NO_STORE | {"retry-after": "1"})
    asked = {name: request.query_params.get(name, "")[:_MAX_TEXT] for name in ("find", "order", "by", "at", "member")}

    def work() -> tuple[Answer, RowSource]:
        source = open_rows(services.blobs, digest, size, asked["member"])
        if source is None:
            raise NotFoundError("This file is no table whose rows can be read here.")
        question = question_of(asked["find"], asked["order"], asked["by"], asked["at"], source.columns)
        return scan(source, question, clock=time.monotonic), source

    _Running.count += 1
    try:
        answer, source = await asyncio.to_thread(work)
    finally:
        _Running.count -= 1
    return JSONResponse(answer_document(answer, source), headers=_NO_STORE)
