"""The filter bar's grammar: free words and chips such as `status:failed pipeline:mnist accuracy>0.9 started:<24h tag:"a b"`.

A chip is a field name, an operator (`:` `=` `!=` `<` `<=` `>` `>=`) and a value; `field:<value` means `field<value`. Quotes keep
spaces together. Anything else is a free word. The same text stands in the address bar (`?q=`), so a copied link restores the view.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from penstock.interfaces.pages import Condition, ListQuery
from penstock.web.texts.zones import reading_zone

_TOKEN = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*")+')
_CHIP = re.compile(r"^([A-Za-z_][\w.\-/ ]*?)(!=|<=|>=|:|=|<|>)(.+)$", re.DOTALL)
_INNER = re.compile(r"^(<=|>=|!=|<|>|=)(.+)$", re.DOTALL)

PAGE_SIZES = (25, 50, 100, 200)
"""Rows per page that a reader may choose."""


def parse(text: str) -> tuple[tuple[str, ...], tuple[Condition, ...]]:
    """Split filter text into free words and conditions. Never fails: what is not a chip is a word."""
    words: list[str] = []
    conditions: list[Condition] = []
    for token in _TOKEN.findall(text):
        chip = None if token.startswith('"') or "://" in token else _CHIP.match(token)
        if chip is None:
            words.append(_unquote(token))
            continue
        field, operator, value = chip.groups()
        inner = _INNER.match(value) if operator == ":" else None
        if inner is not None:
            operator, value = inner.groups()
        conditions.append(Condition(field, operator, _unquote(value)))
    return tuple(words), tuple(conditions)


def chip_text(condition: Condition) -> str:
    """Text of a condition that `parse` reads back."""
    value = condition.value
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if re.search(r'[\s"]', value) else value
    return f"{condition.field}{condition.operator}{quoted}"


def is_chip_field(name: str) -> bool:
    """Whether a name stands in front of a chip as it is, without spaces."""
    return re.fullmatch(r"[A-Za-z_][\w.\-/]*", name) is not None


def filter_text(words: Sequence[str], conditions: Sequence[Condition]) -> str:
    """Text of the filter bar that `parse` reads back."""
    return " ".join([*(_word_text(word) for word in words), *(chip_text(condition) for condition in conditions)])


def before_of(request: Request) -> float | None:
    """Return the moment before which a history is shown, as the address names it."""
    try:
        return float(request.query_params["before"])
    except (KeyError, ValueError):
        return None


def query_of(
    request: Request,
    address: Mapping[str, str] | None = None,
    *,
    now: float,
    sort: str = "created",
    descending: bool = True,
    scope: Mapping[str, str] | None = None,
) -> ListQuery:
    """Read a list's state from the address bar, or from another address of a list: see `list_query`. Dates are the reader's.

    Raises:
        InvalidArgumentError: `zone` is no time zone.
    """
    parameters = request.query_params if address is None else address
    zone = reading_zone(parameters, request.cookies)
    return list_query(parameters, now=now, zone=zone, sort=sort, descending=descending, scope=scope)


def list_query(
    parameters: Mapping[str, str],
    *,
    now: float,
    zone: str = "UTC",
    sort: str = "created",
    descending: bool = True,
    scope: Mapping[str, str] | None = None,
) -> ListQuery:
    """Read a list's state from the parameters `q`, `sort` (`-name` is descending), `tab=archived`, `cursor`, `n`, `namespace`,
    `demos=hide`; dates are read in `zone`.
    """
    words, conditions = parse(parameters.get("q", "")[:2000])
    wanted = parameters.get("sort", "")
    if wanted:
        sort, descending = wanted.removeprefix("-"), wanted.startswith("-")
    try:
        limit = int(parameters.get("n", "50"))
    except ValueError:
        limit = 50
    namespace = parameters.get("namespace", "")
    view = {"demos": "hide"} if parameters.get("demos") == "hide" else {}
    query: dict[str, Any] = {
        "words": words,
        "conditions": conditions,
        "is_archived": parameters.get("tab") == "archived",
        "sort": sort,
        "is_descending": descending,
        "cursor": parameters.get("cursor") or None,
        "limit": limit if limit in PAGE_SIZES else 50,
        "scope": {**({"namespace": namespace} if namespace else {}), **view, **(scope or {})},
        "now": now,
        "zone": zone,
    }
    return ListQuery(**query)


def _word_text(word: str) -> str:
    is_plain = parse(word) == ((word,), ())
    return word if is_plain else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquote(token: str) -> str:
    if '"' not in token:
        return token
    return re.sub(r'"((?:[^"\\]|\\.)*)"', lambda match: re.sub(r"\\(.)", r"\1", match.group(1)), token)
