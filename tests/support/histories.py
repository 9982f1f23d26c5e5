"""A hand-written history in the tables that lineage reads: pipeline tasks, tracked runs, artifact versions, flow values."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any

from penstock.stores.sql.database import Database, Transaction

ENTITY, PROJECT = "ann", "p"


@dataclass
class History:
    """Writes rows as the three protocols would; ids count up."""

    database: Database
    manifests: dict[str, list[str]] = field(default_factory=dict)
    """Manifest digest -> MD5 digests of its entries."""
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def add(self, table: str, **values: Any) -> None:
        """Insert one row."""
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)})"

        def work(tx: Transaction) -> None:
            tx.execute(sql, values)

        self.database.write_sync(work)

    def begin(self) -> None:
        """A project and a pipeline run."""
        self.add("tracked_project", project_id=1, entity=ENTITY, name=PROJECT, created_at=1.0, updated_at=1.0)
        self.add("run", run_id="run-1", kind="kfp", name="nightly", state="SUCCEEDED", created_at=1.0, scheduled_at=1.0)

    def task(self, name: str, *, component: str = "", type_: str = "RUNTIME", run: str = "run-1") -> str:
        """A pipeline task; its node key."""
        at = float(next(self.numbers))
        self.add("task", task_id=name, run_id=run, execution_id=next(self.numbers), path=f"root/{name}", task_key=name, display_name=name,
                 type=type_, component=component or name, state="SUCCEEDED", created_at=at)  # fmt: skip
        return f"task:{name}"

    def artifact(self, digest: str | None, *, name: str = "data", at: float | None = None) -> int:
        """A pipeline artifact; its id."""
        number = next(self.numbers)
        self.add("artifact", artifact_id=number, name=name, output_key=name, type="system.Dataset", uri=f"minio://b/{number}",
                 digest=digest, created_at=float(number) if at is None else at)  # fmt: skip
        return number

    def use(self, task: str, artifact: int, direction: str, *, key: str = "data") -> None:
        """A task reads or writes an artifact."""
        self.add("artifact_use", task_id=task.removeprefix("task:"), run_id="run-1", artifact_id=artifact, direction=direction, key=key,
                 position=next(self.numbers), at=1.0)  # fmt: skip

    def run(self, name: str, *, task: str | None = None, job: str = "") -> int:
        """A tracked run; its storage id."""
        number = next(self.numbers)
        self.add("tracked_run", run_id=number, project_id=1, name=name, display_name=name, state="finished", created_at=float(number),
                 updated_at=1.0, heartbeat_at=1.0, job_type=job, task_id=task and task.removeprefix("task:"))  # fmt: skip
        return number

    def version(self, name: str, *digests: str, index: int = 0, at: float | None = None) -> int:
        """A committed artifact version that holds blobs of these digests; its id."""
        number = next(self.numbers)
        md5s = [hashlib.md5(digest.encode()).hexdigest() for digest in digests]
        manifest = hashlib.md5("".join(md5s).encode()).hexdigest()
        collection = number
        found = self.database.read_sync(lambda tx: tx.one("SELECT collection_id FROM collection WHERE name = ?", (name,)))
        if found is None:
            self.add("collection", collection_id=collection, project_id=1, name=name, kind="sequence", type_name="model", created_at=1.0, updated_at=1.0)
        else:
            collection = found["collection_id"]
        self.add("artifact_version", version_id=number, collection_id=collection, project_id=1, state="COMMITTED", digest=manifest,
                 version_index=index, file_count=len(digests), manifest_digest=f"sha256:{manifest}", created_at=1.0, updated_at=1.0,
                 committed_at=float(number) if at is None else at)  # fmt: skip
        self.add("membership", membership_id=number, collection_id=collection, version_id=number, version_index=index, created_at=1.0)
        self.manifests[f"sha256:{manifest}"] = md5s
        for digest, md5 in zip(digests, md5s, strict=True):
            self.database.write_sync(
                lambda tx, digest=digest, md5=md5: tx.execute(
                    "INSERT INTO project_content (project_id, md5, blob_digest, size_bytes, birth_version_id) VALUES (1, ?, ?, 3, ?)"
                    " ON CONFLICT (project_id, md5) DO NOTHING",
                    (md5, digest, number),
                )
            )
        return number

    def log(self, run: int, version: int, direction: str) -> None:
        """A tracked run uses (`input`) or logs (`output`) a version."""
        self.add("version_use", tracked_run_id=run, version_id=version, direction=direction, created_at=1.0)

    def link(self, version: int, portfolio: str, *, alias: str = "") -> int:
        """A version is linked to a portfolio; its collection id."""
        number = next(self.numbers)
        self.add("collection", collection_id=number, project_id=1, name=portfolio, kind="portfolio", type_name="model", created_at=1.0, updated_at=1.0)
        self.add("membership", membership_id=number, collection_id=number, version_id=version, version_index=0, created_at=1.0)
        if alias:
            self.add("membership_alias", collection_id=number, alias=alias, version_id=version, created_at=1.0)
        return number

    def flow_task(self, run: int, step: str, number: int) -> str:
        """A task of flow `Train`, with the rows that the projection makes; its node key."""
        if self.database.read_sync(lambda tx: tx.one("SELECT 1 AS one FROM flow_run WHERE run_number = ?", (run,))) is None:
            self.add("flow_run", run_number=run, flow_id="Train", ts_epoch=1)
            self.add("run", run_id=f"Train/{run}", kind="flow", name=f"Train/{run}", state="SUCCEEDED", created_at=1.0, scheduled_at=1.0)
        self.add("flow_task", task_number=number, run_number=run, step_name=step, ts_epoch=1)
        return self.task(f"Train/{run}/{step}/{number}", component=f"Train.{step}", run=f"Train/{run}")

    def value(self, task: str, name: str, sha: str, digest: str | None = None, *, size: int = 1000) -> None:
        """A flow task holds a value; with a digest its object lies in the embedded store."""
        _, run, step, number = task.removeprefix("task:").split("/")
        self.add("flow_artifact", task_number=int(number), attempt_id=0, name=name, run_number=int(run), step_name=step, sha=sha, ts_epoch=1,
                 location=":root:s3://flows/store")  # fmt: skip
        if digest is not None:
            key = f"store/Train/data/{sha[:2]}/{sha}"
            self.database.write_sync(
                lambda tx: tx.execute(
                    "INSERT INTO object_entry (bucket, object_key, digest, size_bytes, etag, modified_at) VALUES ('flows', ?, ?, ?, 'e', 1.0)"
                    " ON CONFLICT (bucket, object_key) DO NOTHING",
                    (key, digest, size),
                )
            )
