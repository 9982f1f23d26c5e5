"""Attempts as documents that other machines can run (`web.services.web.Replays`)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.domain.artifacts import ArtifactRef
from penstock.domain.ids import RunId, TaskPath
from penstock.engine.index import PlanIndex
from penstock.engine.recorded import recorded_request
from penstock.executors.process.replay import replay_document, replay_layout
from penstock.interfaces.dialect import Dialect, SecretLookup
from penstock.interfaces.journal import StoredRun
from penstock.interfaces.plans import PlanLoader
from penstock.stores.sql.journal import SqlRunJournal


class _BlankSecrets:
    """Knows which entries there are and gives none of them away."""

    def __init__(self, secrets: SecretLookup) -> None:
        self._secrets = secrets

    def get(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        entries = self._secrets.get(kind, name)
        return None if entries is None else dict.fromkeys(entries, b"")


class AttemptReplays:
    """Prepares attempts of stored runs once more, for a folder that stands nowhere yet."""

    def __init__(self, journal: SqlRunJournal, plans: PlanLoader, dialects: Mapping[str, Dialect], secrets: SecretLookup) -> None:
        self._journal = journal
        self._plans = plans
        self._dialects = dialects
        self._secrets = _BlankSecrets(secrets)

    async def document(
        self, run_id: str, path: str, attempt: int, *, packages: Sequence[str] | None, python: str, url: str
    ) -> dict[str, Any] | None:
        """Return the attempt as a document; see `web.services.web.Replays`.

        Raises:
            NotFoundError: there is no such run, or it was not made here from a definition.
            TaskError: the task cannot be prepared any more, for example because a secret is gone.
        """
        stored = await self._journal.load(RunId(run_id))
        return await asyncio.to_thread(self._document, stored, TaskPath(path), attempt, packages, python, url)

    def _document(
        self, stored: StoredRun, path: TaskPath, attempt: int, packages: Sequence[str] | None, python: str, url: str
    ) -> dict[str, Any] | None:
        def address_of(artifact: ArtifactRef) -> str:
            is_here = artifact.digest is not None
            return f"{url}/ui/artifacts/{artifact.artifact_id}/download" if is_here else artifact.uri.removeprefix("file://")

        layout = replay_layout()
        index = PlanIndex(self._plans.load(stored.new_run.kind, stored.content))
        request = recorded_request(stored, index, path, attempt, workspace=str(layout.workspace))
        if request is None:
            return None
        spec = self._dialects[request.dialect].prepare(request, layout, self._secrets)
        return replay_document(spec, packages=packages, python=python, address_of=address_of) if spec.argv else None
