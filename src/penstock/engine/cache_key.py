"""What makes two executions of a task the same: named parts, and one fingerprint over them.

The parts are kept with every result, so that a miss can say which of them changed. Semantics: KFP protocol notes, section 7.
Deviations: artifacts take part by content, not by id, so an identical import or a recomputed but equal input hits; the
scope (namespace and pipeline name) is hashed in, so one look-up by fingerprint is enough.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.artifacts import ArtifactRef, inline_text
from penstock.domain.plan import CachePolicy, LeafTemplate
from penstock.engine.values import tidy_numbers

_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Identity of an execution."""

    fingerprint: str
    parts: Mapping[str, str]
    """`code`, `image`, `options`, ... from the template; `parameter:<name>`, `artifact:<name>`, `fact:<run field>`; or only `key`."""


def cache_scope(namespace: str, pipeline_name: str) -> str:
    """Runs of the same pipeline in the same namespace share results."""
    return f"{namespace}/{pipeline_name}"


def cache_key(
    scope: str,
    template: LeafTemplate,
    policy: CachePolicy,
    given: Mapping[str, Any],
    artifacts: Mapping[str, tuple[ArtifactRef, ...]],
    facts: Mapping[str, Any] | None = None,
) -> CacheKey:
    """Return the identity of running `template` on these inputs.

    Args:
        scope: from `cache_scope`.
        template: the component.
        policy: its `custom_key`, when set, stands for everything else.
        given: inputs bound by the author, without defaults of unset ones (a new default is a change of code).
        artifacts: input artifacts.
        facts: values of the template's `run_fields`.
    """
    if policy.custom_key is not None:
        return CacheKey(_digest([scope, template.name, "key", policy.custom_key]), {"key": policy.custom_key})
    parts = dict(template.identity)
    for name, value in given.items():
        parts[f"parameter:{name}"] = _digest(tidy_numbers(value))
    for name, refs in artifacts.items():
        parts[f"artifact:{name}"] = _digest([_identity(ref) for ref in refs])
    for name, value in (facts or {}).items():
        parts[f"fact:{name}"] = _digest(value)
    return CacheKey(_digest([scope, parts]), parts)


def _identity(artifact: ArtifactRef) -> list[Any]:
    """Content when it is known, else where it is; and in both cases type and metadata, because a component can read them."""
    text = inline_text(artifact)
    if text is not None:
        return ["text", text]
    place = ["content", artifact.digest, artifact.is_directory] if artifact.digest is not None else ["uri", artifact.uri]
    return [*place, artifact.type.schema_title, tidy_numbers(dict(artifact.metadata))]


def _digest(value: Any) -> str:
    return hashlib.sha256(_canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


_PLAIN = {"code": "the code", "image": "the image", "options": "the options", "outputs": "the declared outputs", "key": "the cache key"}


def miss_reason(wanted: Mapping[str, str], newest: Mapping[str, str] | None) -> str:
    """Say why there is no result for `wanted`, compared with the newest result of the same component in the same pipeline."""
    if newest is None:
        return "first run of this component in this pipeline"
    changed = sorted(name for name in wanted.keys() | newest.keys() if wanted.get(name) != newest.get(name))
    if not changed:
        return "the earlier result is no longer usable"
    return f"{_join([_part_words(name) for name in changed])} changed"


def _part_words(name: str) -> str:
    kind, _, rest = name.partition(":")
    if kind == "fact":
        return f"the run's {rest.replace('_', ' ').replace(':', ' ')}"
    if rest:
        return f"{kind} `{rest}`"
    return _PLAIN.get(name, f"the {name}")


def _join(words: list[str]) -> str:
    shown = words if len(words) <= 4 else [*words[:3], f"{len(words) - 3} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
