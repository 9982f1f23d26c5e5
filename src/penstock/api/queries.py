"""Query parameters as clients of the REST APIs spell them: `page_size` as in the protocol, or `pageSize`."""

from __future__ import annotations

import re

from starlette.requests import Request

from penstock.domain.errors import InvalidArgumentError
from penstock.pipelines.paging import ListRequest


def list_request(request: Request) -> ListRequest:
    """Read the list query; empty parameters count as absent.

    Raises:
        InvalidArgumentError: the page size is not a number.
    """
    size = query_text(request, "page_size")
    if size and not size.lstrip("-").isdecimal():
        raise InvalidArgumentError(f"page_size {size!r} is not a number")
    return ListRequest(
        page_token=query_text(request, "page_token"),
        page_size=max(-1, int(size[:10])) if size else 0,
        sort_by=query_text(request, "sort_by"),
        filter=request.query_params.get("filter", ""),
    )


def query_text(request: Request, name: str) -> str:
    """Return a query parameter in either spelling; empty when absent."""
    camel = re.sub(r"_([a-z])", lambda match: match.group(1).upper(), name)
    return request.query_params.get(name) or request.query_params.get(camel) or ""
