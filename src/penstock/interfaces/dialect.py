"""What a pipeline dialect does for an attempt: pure translation between a `LaunchRequest` and a process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from penstock.domain.execution import AttemptLayout, LaunchRequest, ParsedOutputs, ProcessSpec, RawOutputs


class SecretLookup(Protocol):
    """Read access to the server-side secret and config-map store."""

    def get(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        """Return the entries of secret or config map `name` (`kind` is `secret` or `configmap`), or None."""
        ...


class Dialect(Protocol):
    """Runtime half of a dialect. Pure: no I/O, no clock; secrets are handed in."""

    def prepare(self, request: LaunchRequest, layout: AttemptLayout, secrets: SecretLookup) -> ProcessSpec:
        """Resolve everything of the attempt: command, environment, files, expected outputs.

        Raises:
            TaskError: an input is missing or of the wrong type, a placeholder names nothing, a required secret is absent.
        """
        ...

    def parse_outputs(self, request: LaunchRequest, spec: ProcessSpec, raw: RawOutputs) -> ParsedOutputs:
        """Turn what the attempt left into typed outputs.

        Raises:
            TaskError: an output is missing, malformed, of the wrong type or points outside the attempt (kind OUTPUT).
        """
        ...
