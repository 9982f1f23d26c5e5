"""The KFP API in this process: real routes, use cases, SQLite and engine; a scripted executor, a fake clock and counted ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from penstock.api.kfp import KfpServices, routes
from penstock.api.kfp.convert.states import RunStates
from penstock.domain.ids import Digest
from penstock.engine.cache_key import miss_reason
from penstock.engine.driver import RunDriver
from penstock.engine.performer import Ports
from penstock.pipelines.artifacts import ArtifactService
from penstock.pipelines.cache_plan import CachePlanService
from penstock.pipelines.definitions import Definitions
from penstock.pipelines.experiments import ExperimentService
from penstock.pipelines.pipelines import PipelineService
from penstock.pipelines.recurring_runs import RecurringRunService
from penstock.pipelines.run_removal import RunRemoval
from penstock.pipelines.runs import RunService
from penstock.pipelines.secrets import SecretService
from penstock.pipelines.tasks import TaskService
from penstock.pipelines.versions import VersionService
from penstock.server.notifier import LocalNotifier
from penstock.spec.loader import SpecPlanLoader
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.remote_packages import HttpPackageDownloader
from penstock.stores.run_folders import RunFolders
from penstock.stores.sql.artifacts import SqlArtifactStore
from penstock.stores.sql.cache import CacheSettings, SqlTaskCache
from penstock.stores.sql.database import Database, open_database
from penstock.stores.sql.experiments import SqlExperimentStore
from penstock.stores.sql.journal import SqlRunJournal
from penstock.stores.sql.pipelines import SqlPipelineStore, SqlVersionStore
from penstock.stores.sql.recurring_runs import SqlRecurringRunStore
from penstock.stores.sql.runs import SqlRunStore
from penstock.stores.sql.secrets import SqlSecretStore
from penstock.stores.sql.specs import SqlSpecStore
from penstock.stores.sql.tasks import SqlTaskStore
from penstock.stores.sql.trigger_events import SqlEditLog
from penstock.testing.fake_clock import CountingIds, FakeClock
from penstock.testing.scripted_executor import Script, ScriptedExecutor

BASE = "/apis/v2beta1"
FINAL = {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"}


class Releases:
    """Remembers which blobs lost a reference."""

    def __init__(self) -> None:
        self.digests: list[Digest] = []

    async def release(self, digests: Sequence[Digest]) -> None:
        """Remember."""
        self.digests += digests


class KfpApi:
    """One server life. Open with `start`, end with `stop`; `call` speaks JSON."""

    def __init__(self, folder: Path, *, scripts: Mapping[str, Script] | None = None, states: RunStates | None = None, url: str = "") -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.ids = CountingIds()
        self.notifier = LocalNotifier()
        self.releases = Releases()
        self.database: Database = open_database(url or f"sqlite:///{folder / 'penstock.db'}", synchronous="OFF")
        self.blobs = LocalBlobStore(folder / "blobs")
        self.files = RunFolders(folder / "runs")
        self.executor = ScriptedExecutor(self.clock, scripts)
        self.scripts = self.executor.scripts
        self.plans = SpecPlanLoader()
        self.driver = self._driver()
        self.services = self._services(states or RunStates())
        app = Starlette(routes=routes(self.services))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://penstock")

    async def start(self) -> KfpApi:
        """Begin."""
        await self.services.experiments.default()
        await self.driver.start()
        return self

    async def stop(self) -> None:
        """End."""
        await self.http.aclose()
        await self.driver.close()
        self.notifier.close()
        self.database.close()

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200, **params: Any) -> Any:
        """Return the JSON answer and require its status."""
        answer = await self.http.request(method, f"{BASE}{path}", json=body, params=params or None)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def refused(self, method: str, path: str, body: Any = None, *, status: int, code: int, **params: Any) -> str:
        """Require the error envelope with this status and code; return its message."""
        answer = await self.call(method, path, body, status=status, **params)
        assert answer["code"] == code
        assert answer["details"][0]["code"] == code
        assert answer["details"][0]["@type"] == "type.googleapis.com/google.rpc.Status"
        return str(answer["message"])

    async def upload(self, content: bytes, *, file_name: str = "pipeline.yaml", status: int = 200, path: str = "/pipelines/upload", **params: Any) -> Any:
        """Upload a package."""
        files = {"uploadfile": (file_name, content, "application/octet-stream")}
        answer = await self.http.post(f"{BASE}{path}", files=files, params=params or None)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def ended(self, run_id: str) -> dict[str, Any]:
        """Return the run once it is final; the engine works between two looks."""
        for _ in range(1000):
            run: dict[str, Any] = await self.call("GET", f"/runs/{run_id}")
            if run["state"] in FINAL:
                return run
            await self.driver._turn_over()
        raise AssertionError(f"run {run_id} does not end: {run}")

    def _driver(self) -> RunDriver:
        cache = SqlTaskCache(self.database, has=self.blobs.has, miss_reason=miss_reason, settings=CacheSettings())
        self.cache = cache
        return RunDriver(
            Ports(
                journal=SqlRunJournal(self.database),
                cache=cache,
                executor=self.executor,
                plans=self.plans,
                notifier=self.notifier,
                clock=self.clock,
                timers=self.clock,
                ids=self.ids,
            )
        )

    def _services(self, states: RunStates) -> KfpServices:
        database, clock, ids = self.database, self.clock, self.ids
        run_store, experiment_store = SqlRunStore(database), SqlExperimentStore(database)
        pipeline_store, version_store = SqlPipelineStore(database), SqlVersionStore(database)
        definitions = Definitions(SqlSpecStore(database), self.plans, clock)
        removal = RunRemoval(run_store, self.driver, self.files, self.releases)
        experiments = ExperimentService(experiment_store, run_store, removal, clock=clock, ids=ids, notifier=self.notifier)
        versions = VersionService(
            version_store, pipeline_store, definitions, downloader=HttpPackageDownloader(allow_local=True), clock=clock, ids=ids, notifier=self.notifier
        )
        runs = RunService(run_store, self.driver, definitions, versions, experiments, experiment_store, removal, clock=clock, ids=ids)
        return KfpServices(
            experiments=experiments,
            pipelines=PipelineService(pipeline_store, version_store, definitions, clock=clock, ids=ids, notifier=self.notifier),
            versions=versions,
            runs=runs,
            recurring_runs=RecurringRunService(
                SqlRecurringRunStore(database), runs, definitions, clock=clock, ids=ids, notifier=self.notifier, edits=SqlEditLog(database)
            ),
            tasks=TaskService(SqlTaskStore(database), self.files, self.notifier),
            artifacts=ArtifactService(SqlArtifactStore(database), self.blobs),
            secrets=SecretService(SqlSecretStore(database), clock),
            cache_plan=CachePlanService(runs, self.cache, clock),
            states=states,
            version="test",
        )


def pipeline_spec(name: str = "hello", *, tasks: Sequence[str] = ("work",), caching: bool = False) -> dict[str, Any]:
    """A pipeline with a number parameter `n` (default 1), a required string `text` and independent tasks that take both."""
    component = {
        "executorLabel": "exec-work",
        "inputDefinitions": {"parameters": {"n": {"parameterType": "NUMBER_INTEGER"}, "text": {"parameterType": "STRING"}}},
        "outputDefinitions": {
            "parameters": {"Output": {"parameterType": "STRING", "isOptional": True}},
            "artifacts": {"model": {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}}},
        },
    }
    bound = {"n": {"componentInputParameter": "n"}, "text": {"componentInputParameter": "text"}}
    return {
        "pipelineInfo": {"name": name},
        "components": {"comp-work": component},
        "deploymentSpec": {"executors": {"exec-work": {"container": {"image": "python:3.11", "command": ["echo"], "args": ["hi"]}}}},
        "root": {
            "inputDefinitions": {
                "parameters": {
                    "n": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1.0, "isOptional": True},
                    "text": {"parameterType": "STRING"},
                }
            },
            "dag": {
                "tasks": {
                    key: {
                        "taskInfo": {"name": key},
                        "componentRef": {"name": "comp-work"},
                        "inputs": {"parameters": bound},
                        "cachingOptions": {"enableCache": caching},
                    }
                    for key in tasks
                }
            },
        },
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
    }
