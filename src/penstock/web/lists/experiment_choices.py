"""Experiments that a field names: what it is offered while typing, and which one is meant by what stands in it in the end.

There may be more than a page could list. A name is enough where it is the only one of its kind; equal names of several namespaces are
told apart by the id.
"""

from __future__ import annotations

from collections import Counter

from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.page_catalog import CatalogPages, ExperimentChoice

_OFFERED = 20
_EQUAL = 20
"""Experiments of the same name that are looked at."""


async def offered(catalog: CatalogPages, text: str) -> list[tuple[str, str]]:
    """Return (what to put into the field, what is said beside it) of experiments that a text may mean."""
    found = await catalog.find_experiments(text, limit=_OFFERED)
    counts = Counter(item.name for item in found)
    return [(item.name, item.namespace) if counts[item.name] == 1 else (item.experiment_id, _note(item)) for item in found]


def _note(item: ExperimentChoice) -> str:
    return f"{item.name} ({item.namespace})" if item.namespace else item.name


async def meant(catalog: CatalogPages, text: str) -> str:
    """Return the id of the active experiment that a text names.

    Raises:
        InvalidArgumentError: there is none, or several have the name.
    """
    found = [item for item in await catalog.find_experiments(text, limit=_EQUAL) if text in {item.experiment_id, item.name}]
    by_id = [item for item in found if item.experiment_id == text]
    if not found:
        raise InvalidArgumentError(f"There is no active experiment {text[:200]!r}.")
    if len(found) > 1 and not by_id:
        raise InvalidArgumentError(f"{len(found)} experiments are called {text[:200]!r}: write the id of the one that is meant.")
    return (by_id or found)[0].experiment_id
