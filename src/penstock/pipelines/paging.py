"""Pages of a list as clients ask for them: sizes, opaque tokens, and the rule that a token belongs to its own list, sort and filter."""

from __future__ import annotations

import base64
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
        return _token(self.list_name, body)


def open_list(request: ListRequest, fields: Fields, *, operation_key: str = "operation", extra: tuple[Predicate, ...] = ()) -> OpenList:
    """Check a list request and turn it into a query.

    Raises:
        InvalidArgumentError: negative page size, broken token, sort or filter that differ from the token's, unknown fields.
    """
    size = page_size_of(request)
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
        limit=size,
    )
    return OpenList(query, fields.name, sort_by, filter_text)


def page_size_of(request: ListRequest, *, default: int = DEFAULT_PAGE_SIZE) -> int:
    """Return how many rows a page has.

    Raises:
        InvalidArgumentError: negative page size.
    """
    if request.page_size < 0:
        raise InvalidArgumentError("page_size must not be negative")
    return min(request.page_size or default, MAX_PAGE_SIZE)


def token_behind(number: int, list_name: str) -> str:
    """Return the token of the page behind the thing of that number, in a list that has one order and no filter."""
    return _token(list_name, str(number))


def number_before(token: str, list_name: str) -> int | None:
    """Return the number of the thing before a page; None for the first page.

    Raises:
        InvalidArgumentError: it is no token of `token_behind` for this list.
    """
    if not token:
        return None
    body = _body(token, list_name)
    if not body.isdecimal():
        raise _broken()
    return int(body)


def _token(list_name: str, body: str) -> str:
    return base64.urlsafe_b64encode(_seal(list_name, body) + body.encode()).decode().rstrip("=")


def _broken() -> InvalidArgumentError:
    return InvalidArgumentError("page_token: not a token of this list")


def _body(token: str, list_name: str) -> str:
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        body = raw[8:].decode()
    except ValueError:
        raise _broken() from None
    if _seal(list_name, body) != raw[:8]:
        raise _broken()
    return body


def _read(token: str, list_name: str) -> tuple[str, str, tuple[Scalar, str]]:
    try:
        sort_by, filter_text, value, row_id = json.loads(_body(token, list_name))
    except (ValueError, TypeError, RecursionError):
        raise _broken() from None
    if not (isinstance(sort_by, str) and isinstance(filter_text, str) and isinstance(value, str | int | float) and isinstance(row_id, str)):
        raise _broken()
    return sort_by, filter_text, (value, row_id)


def _seal(list_name: str, body: str) -> bytes:
    """Tell a mangled token, or one of another list, from a good one; tokens grant nothing, so this is no signature."""
    return hashlib.blake2b(f"{list_name}\n{body}".encode(), digest_size=8).digest()
