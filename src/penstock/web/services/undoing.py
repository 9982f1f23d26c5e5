"""What bulk actions did a moment ago, so that one click takes it back: more rows than the cookie of a notice holds.

It is kept in memory, a notice being gone after seconds; after a restart of the server, or many actions later, it is not there any more.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

_MOST_BATCHES = 500
_MOST_OF_ONE = 20


@dataclass(frozen=True, slots=True)
class Undoing:
    """The newest bulk actions that can be taken back."""

    _batches: OrderedDict[str, tuple[str, Mapping[str, str]]] = field(default_factory=OrderedDict)

    def keep(self, by: str, rows: Mapping[str, str]) -> str:
        """Return the name under which the rows that `by` changed are kept: each with what it was before, where that is needed."""
        name = secrets.token_urlsafe(12)
        self._batches[name] = (by, rows)
        own = [key for key, (owner, _) in self._batches.items() if owner == by]
        if len(own) > _MOST_OF_ONE:  # the busy lose their own first, not those of others
            del self._batches[own[0]]
        elif len(self._batches) > _MOST_BATCHES:
            self._batches.popitem(last=False)
        return name

    def take(self, by: str, name: str) -> Mapping[str, str]:
        """Return the rows that `by` changed under this name, once; none when they are not known any more, or were changed by another."""
        owner, rows = self._batches.get(name, ("", {}))
        if owner != by or not rows:
            return {}
        del self._batches[name]
        return rows
