"""What an event says in words: the variables that payloads and messages of automations may name, and how they are filled in.

Names are those of the original's documentation where it has one (`artifact_version_string`, `event_type`, `project_name`, ...).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from penstock.domain.tracking import TrackedRun
from penstock.domain.versions import ArtifactVersion, Collection, Membership

_VARIABLE = re.compile(r"\$\{([^${}]{1,200})\}")
MASK = "***"


def words_of_artifact(
    collection: Collection, version: ArtifactVersion | None, member: Membership | None, *, alias: str = "", tag: str = ""
) -> dict[str, str]:
    """Return the variables of something that happened to an artifact or its collection."""
    words = {
        "entity_name": collection.entity, "project_name": collection.project, "artifact_collection_name": collection.name,
        "artifact_type": collection.type_name, "alias": alias, "tag": tag,
    }  # fmt: skip
    if version is None:
        return words
    number = member.version_index if member is not None else version.version_index
    words |= {
        "artifact_version": f"v{number}", "artifact_version_index": str(number), "artifact_digest": version.digest,
        "artifact_version_string": f"{collection.entity}/{collection.project}/{collection.name}:v{number}",
        "artifact_description": version.description or "", "event_author": version.creator_user,
    }  # fmt: skip
    metadata = json.loads(version.metadata) if version.metadata else {}
    if isinstance(metadata, dict):
        words |= {f"artifact_metadata.{key}": as_text(value) for key, value in metadata.items()}
    return words


def words_of_run(run: TrackedRun, **more: str) -> dict[str, str]:
    """Return the variables of something that happened to a run."""
    return {
        "entity_name": run.entity, "project_name": run.project, "run_id": run.name, "run_name": run.display_name,
        "run_state": run.state.value, "run_group": run.group, "run_job_type": run.job_type, "event_author": run.user_name, **more,
    }  # fmt: skip


def filled(template: Any, words: Mapping[str, str]) -> Any:
    """Return a JSON value with `${name}` replaced in every text of it; names that mean nothing stay as they are."""
    if isinstance(template, str):
        return _VARIABLE.sub(lambda found: words.get(found[1].strip(), found[0]), template)
    if isinstance(template, Mapping):
        return {key: filled(value, words) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, words) for value in template]
    return template


def as_text(value: Any) -> str:
    """Return a text as it is and any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def masked(text: str, *secrets: str) -> str:
    """Return `text` without the secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return text
