"""Pages of a list as clients ask for them: sizes, opaque tokens, and the rule that a token belongs to its own list, sort and filter."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.listing import ListQuery, Page, Predicate, Scalar
from penstock.pipelines.filters import Fields, parse_filter, parse_sort

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A list query as it came over the wire; empty means not given."""

    page_token: str = ""
    page_size: int = 0
    """0: the default; more than the maximum is cut."""
    sort_by: str = ""
    filter: str = ""


@dataclass(frozen=True, slots=True)
class OpenList:
    """A list request made precise: the query for the store and what the next token has to repeat."""

    query: ListQuery
    list_name: str
    sort_by: str
    filter: str

    def next_token(self, page: Page[object]) -> str:
        """Return the token of the following page; empty at the end."""
        if page.last is None:
            return ""
        body = json.dumps([self.sort_by, self.filter, *page.last], separators=(",", ":"))
        return base64.urlsafe_b64encode(_seal(self.list_name, body) + body.encode()).decode().rstrip("=")


def open_list(request: ListRequest, fields: Fields, *, operation_key: str = "operation", extra: tuple[Predicate, ...] = ()) -> OpenList:
    """Check a list request and turn it into a query.

    Raises:
        InvalidArgumentError: negative page size, broken token, sort or filter that differ from the token's, unknown fields.
    """
    if request.page_size < 0:
        raise InvalidArgumentError("page_size must not be negative")
    sort_by, filter_text, after = request.sort_by, request.filter, None
    if request.page_token:
        token_sort, token_filter, after = _read(request.page_token, fields.name)
        if sort_by and parse_sort(sort_by, fields) != parse_sort(token_sort, fields):
            raise InvalidArgumentError("page_token: it was made for another sort_by")
        if filter_text and filter_text != token_filter:
            raise InvalidArgumentError("page_token: it was made for another filter")
        sort_by, filter_text = token_sort, token_filter
    query = ListQuery(
        predicates=(*parse_filter(filter_text, fields, operation_key=operation_key), *extra),
        sort=parse_sort(sort_by, fields),
        after=after,
        limit=min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
    )
    return OpenList(query, fields.name, sort_by, filter_text)


def _read(token: str, list_name: str) -> tuple[str, str, tuple[Scalar, str]]:
    broken = InvalidArgumentError("page_token: not a token of this list")
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        body = raw[8:].decode()
        if _seal(list_name, body) != raw[:8]:
            raise broken
        sort_by, filter_text, value, row_id = json.loads(body)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise broken from None
    if not (isinstance(sort_by, str) and isinstance(filter_text, str) and isinstance(value, str | int | float) and isinstance(row_id, str)):
        raise broken
    return sort_by, filter_text, (value, row_id)


def _seal(list_name: str, body: str) -> bytes:
    """Tell a mangled token, or one of another list, from a good one; tokens grant nothing, so this is no signature."""
    return hashlib.blake2b(f"{list_name}\n{body}".encode(), digest_size=8).digest()
