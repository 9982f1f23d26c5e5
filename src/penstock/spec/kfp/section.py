"""A cursor over an untrusted JSON document that always knows where it stands.

Lowering reads pipelines only through `Section`, so that a value of the wrong kind is a `SpecError` with its dotted place
and never a stray exception. What the document means is not known here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.domain.errors import SpecError

_LARGEST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Section:
    """A JSON object inside a document."""

    data: Mapping[str, Any]
    """The object; empty when the document has none at this place."""
    place: str = ""
    """Dotted path from the top of the document."""

    @classmethod
    def of(cls, value: Any, place: str = "") -> Section:
        """Return a cursor on `value`; null counts as an empty object.

        Raises:
            SpecError: `value` is something else.
        """
        if value is None:
            return cls({}, place)
        if not isinstance(value, Mapping):
            raise SpecError(f"expected an object, found {kind_of(value)}", place=place)
        return cls(value, place)

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def at(self, key: str) -> str:
        """Return the place of `key`."""
        return f"{self.place}.{key}" if self.place else key

    def error(self, message: str, key: str | None = None) -> SpecError:
        """Return an error that names this place, or that of `key`."""
        return SpecError(message, place=self.place if key is None else self.at(key))

    def section(self, key: str) -> Section:
        """Return the object under `key`; empty when absent.

        Raises:
            SpecError: there is something else than an object.
        """
        return Section.of(self.data.get(key), self.at(key))

    def sections(self, key: str) -> Iterator[tuple[str, Section]]:
        """Yield name and object for each entry of the map under `key`.

        Raises:
            SpecError: it is not a map of objects.
        """
        group = self.section(key)
        for name in group.data:
            yield name, group.section(name)

    def sequence(self, key: str) -> Sequence[Any]:
        """Return the list under `key`; empty when absent.

        Raises:
            SpecError: there is something else than a list.
        """
        value = self.data.get(key)
        if value is None:
            return ()
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise self.error(f"expected a list, found {kind_of(value)}", key)
        return value

    def items(self, key: str) -> Iterator[Section]:
        """Yield the objects of the list under `key`; their places end in `[index]`.

        Raises:
            SpecError: it is not a list of objects.
        """
        for index, value in enumerate(self.sequence(key)):
            yield Section.of(value, f"{self.at(key)}[{index}]")

    def text(self, key: str, default: str = "") -> str:
        """Return the string under `key`, or `default` when absent.

        Raises:
            SpecError: there is something else than a string.
        """
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.error(f"expected a string, found {kind_of(value)}", key)
        return value

    def required_text(self, key: str) -> str:
        """Return the non-empty string under `key`.

        Raises:
            SpecError: it is absent, empty or not a string.
        """
        value = self.text(key)
        if not value:
            raise self.error("a non-empty string is required", key)
        return value

    def number(self, key: str, default: float = 0.0) -> float:
        """Return the number under `key` (protobuf JSON may write it as text), or `default` when absent.

        Raises:
            SpecError: it does not read as a number.
        """
        value = self.data.get(key)
        if value is None:
            return default
        if isinstance(value, str):
            try:
                number = float(value)
            except ValueError:
                raise self.error(f"expected a number, found {value!r}", key) from None
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"expected a number, found {kind_of(value)}", key)
        else:
            number = float(value) if abs(value) <= _LARGEST else math.inf
        if not math.isfinite(number):
            raise self.error("expected a finite number", key)
        return number

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return the boolean under `key`, or `default` when absent.

        Raises:
            SpecError: there is something else than a boolean.
        """
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(f"expected true or false, found {kind_of(value)}", key)
        return value


def object_under(parent: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the object under `key` of a copy that is being mended, made when there is none."""
    if not isinstance(parent.get(key), dict):
        parent[key] = {}
    value: dict[str, Any] = parent[key]
    return value


def kind_of(value: Any) -> str:
    """Return the JSON word for the kind of `value`, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, Mapping):
        return "an object"
    return "a list"
