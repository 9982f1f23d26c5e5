"""Pages over a seeded database with flows that are recorded as a client does."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from penstock.domain.flows import Authorship, NewArtifact, NewMetadata
from penstock.domain.objects import ObjectEntry
from penstock.interfaces.flow_files import DatastoreRoot
from penstock.server.clock import SystemClock, SystemIds
from penstock.server.config import Settings
from penstock.server.flows import FlowParts, build_flows
from penstock.server.notifier import LocalNotifier
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.sql.database import open_database
from penstock.web.errors import unknown_address
from penstock.web.routes.flows import routes as flow_routes
from penstock.web.routes.pages import routes
from tests.browser.app import SeededApp, build
from tests.unit.web.conftest import PageClient

ROOT = DatastoreRoot("s3", "s3://metaflow/flows")
BY = Authorship("ada", (), ("metaflow_version:2.19.0",))


def sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


class Room:
    """The seeded pages with recorded flows beside them."""

    def __init__(self, folder: Path) -> None:
        seeded: SeededApp = build(folder, url="http://testserver")
        self.database = open_database(f"sqlite:///{folder / 'penstock.db'}")
        self.blobs = LocalBlobStore(folder / "blobs")
        self.flows: FlowParts = build_flows(
            Settings(data_dir=folder), self.database, self.blobs, SystemClock(), SystemIds(), LocalNotifier(), entity="ada"
        )
        services = replace(seeded.services, flows=self.flows.web)
        pages = [*flow_routes(services, self.flows.web), *routes(services)]
        self.client = PageClient(Starlette(routes=pages, exception_handlers={404: unknown_address(services)}))
        self.seeded = seeded
        asyncio.run(self.flows.web.recorder.add_flow("F", BY))

    def run(self, code: bytes | None, **parameters: Any) -> str:
        """Record a run as a client does and return its shared id."""
        return asyncio.run(self._run(code, parameters))

    async def _run(self, code: bytes | None, parameters: dict[str, Any]) -> str:
        recorder = self.flows.web.recorder
        run_id = (await recorder.add_run("F", None, BY)).shown_id
        told = [("ds-type", "s3"), ("ds-root", ROOT.root), ("script-name", "flow.py")]
        if code is not None:
            told.append(("code-package", json.dumps({"ds_type": "s3", "sha": self._keep(code), "location": "there", "metadata": None})))
        for step in ("_parameters", "start"):
            await recorder.add_step("F", run_id, step, BY)
            task = (await recorder.add_task("F", run_id, step, None, BY)).shown_id
            by = Authorship("ada", ("attempt_id:0",), ())
            await recorder.add_metadata("F", run_id, step, task, [NewMetadata(field, value, field, by) for field, value in (*told, ("attempt", "0"))])
            if step == "_parameters":
                rows = [NewArtifact(name, 0, None, "s3", sha1(repr(value).encode()), "t", "c", BY) for name, value in parameters.items()]
                await recorder.add_artifacts("F", run_id, step, task, rows)
        text = json.dumps(parameters)
        await self.database.write(lambda tx: tx.execute("UPDATE flow_run SET parameters = ? WHERE run_number = ?", (text, int(run_id))))
        return f"F/{run_id}"

    def _keep(self, code: bytes) -> str:
        sha = sha1(code)
        blob = self.blobs.put_bytes(code)
        self.flows.objects.put(ObjectEntry("metaflow", f"flows/F/data/{sha[:2]}/{sha}", blob.digest, len(code), "e", 1.0))
        return sha

    def body(self, ids: Sequence[str]) -> str:
        """The comparison."""
        answer = self.client.get("/ui/compare", params={"runs": ",".join(ids)})
        assert answer.status_code == 200
        return answer.text
