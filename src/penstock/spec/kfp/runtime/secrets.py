"""Secrets and config maps of an attempt, as environment variables and as files.

They come from the server-side store; what a task asks for and the store does not have fails the task unless it is optional.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from penstock.domain.errors import TaskError
from penstock.domain.execution import FailureKind, Mount
from penstock.interfaces.dialect import SecretLookup
from penstock.spec.kfp.runtime.pod_config import Entry, PodConfig
from penstock.spec.stored import missing, no_key, not_text
from penstock.spec.values import text_of

SECRET = "secret"
CONFIG_MAP = "configmap"


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Reads named entries from the store."""

    lookup: SecretLookup

    def variables(self, config: PodConfig, kind: str) -> dict[str, str]:
        """Return the environment variables that come from secrets or config maps.

        Raises:
            TaskError: a required one, or a key of it, is not in the store, or a value is not text (kind INPUT).
        """
        prefix, key_field = ("secret", "secretKey") if kind == SECRET else ("configMap", "configMapKey")
        result: dict[str, str] = {}
        for entry in config.entries(f"{prefix}AsEnv"):
            found = self._find(entry, kind, f"{prefix}Name")
            if found is None:
                continue
            name, content = found
            for mapping in entry.children("keyToEnv"):
                value = self._key(entry, kind, name, content, mapping.text(key_field))
                if value is not None:
                    result[mapping.text("envVar")] = _text(value, kind, name, mapping.text(key_field))
        return result

    def mounts(self, config: PodConfig, kind: str) -> Iterator[Mount]:
        """Yield the mounts that hold secrets or config maps, one file for each key.

        An optional one that is not in the store is an empty directory, as Kubernetes mounts it.

        Raises:
            TaskError: a required one is not in the store (kind INPUT).
        """
        prefix = "secret" if kind == SECRET else "configMap"
        for entry in config.entries(f"{prefix}AsVolume"):
            found = self._find(entry, kind, f"{prefix}Name")
            target = entry.text("mountPath")
            if found is not None and target:
                yield Mount(target=PurePosixPath(target), files=dict(found[1]), read_only=True, is_secret=kind == SECRET)

    def _find(self, entry: Entry, kind: str, field: str) -> tuple[str, Mapping[str, bytes]] | None:
        """Return the name and the content that an entry stands for: nothing for a null name, no content for an absent optional one."""
        value = entry.resolved(field)
        if value is None or value == "":
            return None
        name = text_of(value)
        content = self.lookup.get(kind, name)
        if content is None and not entry.is_optional:
            raise TaskError(missing(kind, name), kind=FailureKind.INPUT)
        return name, content or {}

    def _key(self, entry: Entry, kind: str, name: str, content: Mapping[str, bytes], key: str) -> bytes | None:
        if key not in content and not entry.is_optional:
            raise TaskError(no_key(kind, name, key, content), kind=FailureKind.INPUT)
        return content.get(key)


def _text(value: bytes, kind: str, name: str, key: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise TaskError(not_text(kind, name, key), kind=FailureKind.INPUT) from None
