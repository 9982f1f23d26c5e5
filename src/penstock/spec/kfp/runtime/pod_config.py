"""Reads the Kubernetes configuration of one attempt: entries with their parameters resolved.

A field may be plain or a parameter input; the engine resolved the latter as hidden inputs (`spec.kfp.platform`). Null or absent
values mean "skip this entry" (kfp protocol notes, section 4.15, observed with kfp-kubernetes).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.execution import LaunchRequest
from penstock.spec.kfp.platform import hidden_name
from penstock.spec.values import text_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of the configuration."""

    data: Mapping[str, Any]
    place: str
    """Path inside the configuration, as in the names of hidden inputs."""
    values: Mapping[str, Any]
    """The task's inputs."""

    def text(self, key: str) -> str:
        """Return a plain field as text; empty when absent."""
        return text_of(self.data.get(key))

    def resolved(self, key: str) -> Any:
        """Return field `key`, the parameter `<key>Parameter` winning over it; None when there is neither or it is null."""
        parameter = f"{key}Parameter"
        if self.data.get(parameter):
            return self.values.get(hidden_name(f"{self.place}.{parameter}"))
        return self.data.get(key)

    def parameter(self, key: str) -> Any:
        """Return the value of the parameter input under `key`, JSON text parsed; None when absent or null."""
        value = self.values.get(hidden_name(f"{self.place}.{key}"))
        if isinstance(value, str):
            try:
                return json.loads(value)
            except ValueError:
                return None
        return value

    def own(self) -> Any:
        """Return the value of a parameter input that is written beside the entry's own fields (old `pvcMount`)."""
        return self.values.get(hidden_name(self.place))

    @property
    def is_optional(self) -> bool:
        """Whether the thing it names may be missing."""
        return self.data.get("optional") is True

    def children(self, key: str) -> Iterator[Entry]:
        """Yield the objects of the list under `key`."""
        yield from _entries(self.data.get(key), f"{self.place}.{key}", self.values)


@dataclass(frozen=True, slots=True)
class PodConfig:
    """The executor's configuration in one attempt."""

    data: Mapping[str, Any]
    values: Mapping[str, Any]

    @classmethod
    def of(cls, platform: Mapping[str, Any], request: LaunchRequest) -> PodConfig:
        """Return the configuration with the attempt's inputs at hand."""
        return cls(platform, request.parameters)

    def entries(self, key: str) -> Iterator[Entry]:
        """Yield the objects of the list under `key`."""
        yield from _entries(self.data.get(key), key, self.values)

    def entry(self, key: str) -> Entry:
        """Return the object under `key`; empty when absent."""
        value = self.data.get(key)
        return Entry(value if isinstance(value, Mapping) else {}, key, self.values)


def _entries(value: Any, place: str, values: Mapping[str, Any]) -> Iterator[Entry]:
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                yield Entry(item, f"{place}[{index}]", values)
