"""Wiring of recorded flows: what the metadata service writes to, what the flow pages read from, and who judges silent runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.api.metaflow.routes import EVENTS, SecretReader
from penstock.api.metaflow.routes import PREFIX as METAFLOW_PREFIX
from penstock.api.s3.routes import PREFIX as S3_PREFIX
from penstock.api.s3.signature import access_key_for, access_key_of_task, secret_for
from penstock.background.flow_reaper import FlowReaper
from penstock.background.flow_values import FlowValueTimer
from penstock.domain.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError
from penstock.domain.execution import LaunchRequest
from penstock.domain.flows import FLOW_VARIABLE
from penstock.domain.plan import ContainerWork
from penstock.domain.runs import FlowRunChanged
from penstock.executors.preview.service import ProcessPickleViewer
from penstock.flows.code import FlowCode
from penstock.flows.failures import FlowFailures
from penstock.flows.reading import FlowReader
from penstock.flows.recording import FlowRecorder
from penstock.flows.values import FlowValues
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.catalog_store import SecretStore
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.dialect import SecretLookup
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.object_store import ObjectStore
from penstock.server.config import Settings
from penstock.stores.flow_files import OWN_BUCKET, ReachableFlowFiles
from penstock.stores.sql.database import Database
from penstock.stores.sql.flow_facts import SqlFlowStore
from penstock.stores.sql.flow_failures import SqlFlowFailures
from penstock.stores.sql.flow_judging import SqlFlowJudge
from penstock.stores.sql.flow_values import SqlFlowValues
from penstock.stores.sql.objects import SqlObjectStore
from penstock.stores.sql.pages_flows import SqlFlowPages
from penstock.stores.sql.secrets import SqlSecretStore
from penstock.stores.sql.tracking_flow_tasks import FlowTaskRuns
from penstock.tracking.keys import KeyService
from penstock.tracking.task_runs import safe_project
from penstock.web.services.flows import FlowWeb


@dataclass(frozen=True, slots=True)
class FlowParts:
    """Everything about recorded flows."""

    recorder: FlowRecorder
    objects: ObjectStore
    web: FlowWeb
    reaper: FlowReaper
    values: FlowValueTimer


def build_flows(
    settings: Settings, database: Database, blobs: BlobStore, clock: Clock, ids: IdSource, notifier: Notifier, *, entity: str
) -> FlowParts:
    """Return the parts; nothing runs yet. Records of tasks belong to `entity`; live pages hear of changes by `notifier`."""
    store, objects = SqlFlowStore(database, FlowTaskRuns(ids, entity=entity)), SqlObjectStore(database)
    files = ReachableFlowFiles(
        objects, blobs, allowed=[Path(root).expanduser() for root in settings.flows_local_roots], trusts_local=settings.is_loopback
    )
    secrets = SqlSecretStore(database)
    reader = FlowReader(store, files, ProcessPickleViewer(), secrets)
    behind = FlowReader(store, files, ProcessPickleViewer(at_once=1), secrets)

    def tell(run_id: str) -> None:
        notifier.publish(FlowRunChanged(run_id))

    failures = FlowFailures(SqlFlowFailures(database), behind, on_change=tell)
    values = FlowValueTimer(FlowValues(SqlFlowValues(database), behind), failures)
    recorder = FlowRecorder(store, clock, on_facts=values.wake, on_change=tell)
    reaper = FlowReaper(
        SqlFlowJudge(database),
        clock,
        run_seconds=settings.flows_run_silence_seconds,
        task_seconds=settings.flows_task_silence_seconds,
    )
    return FlowParts(recorder, objects, FlowWeb(SqlFlowPages(database), reader, FlowCode(files), recorder), reaper, values)


DECLARED_SECRETS, SECRET_ENTRY = "METAFLOW_PENSTOCK_SECRETS", "METAFLOW_PENSTOCK_SECRET_"
"""Variable of a deployed step with the names of the secrets it declares (JSON); each of their entries gets a variable with the second
as its beginning and the hex digits of `<name>/<key>`, where the extension's provider finds it."""

_MAX_ENTRY_BYTES = 100_000
"""Linux takes no variable of 128 KiB."""

TRIGGER_PARAMETERS = "metaflow_trigger_"
"""Parameters of a deployed flow's run beginning with this hold what is known of the events that started it."""

STEP_MARK = "METAFLOW_STEP_NAME"
EARLIER_ATTEMPTS = "METAFLOW_PENSTOCK_EARLIER"
"""How many attempts of a deployed step came before this one that were no retries of `@retry`: Metaflow numbers all of them."""

CLIENT_CACHE = ".metaflow-client"
"""Cache of Metaflow's client in a task, in its own folder: only what a task asks the server for is known to have been read."""

_METAFLOW = re.compile(r"(?<![\w./-])metaflow\b(?!-)")

Variables = tuple[Mapping[str, str], Mapping[str, str]]
"""(plain, secret)."""


@dataclass(frozen=True, slots=True)
class FlowTaskEnvironment:
    """Variables of tasks: what every task gets, and the addresses and keys of Metaflow's client for tasks that speak it.

    These are steps of deployed flows, and tasks of pipelines whose command or program names `metaflow`; the latter get a key of their
    own, so that lineage knows what they read of flows.
    """

    base: Callable[[LaunchRequest], Variables]
    url: str
    secret: bytes
    secrets: SecretLookup
    flows_prefix: str

    def __call__(self, request: LaunchRequest) -> Variables:
        """Return (plain, secret) variables for an attempt."""
        plain, secret = self.base(request)
        work = request.template.work
        if not isinstance(work, ContainerWork):
            return plain, secret
        own = dict(work.env)
        is_step = FLOW_VARIABLE in own
        if not is_step and not _speaks_metaflow(work):
            return plain, secret
        variables = datastore_variables(self.url, self.secret, None if is_step else access_key_of_task(request.key.task_id))
        hidden = {name: variables.pop(name) for name in ("AWS_SECRET_ACCESS_KEY",)}
        if key := secret.get("WANDB_API_KEY"):
            hidden["METAFLOW_SERVICE_AUTH_KEY"] = key
        if not is_step:
            variables["METAFLOW_CLIENT_CACHE_PATH"] = CLIENT_CACHE
            return {**plain, **metadata_variables(self.url, self.flows_prefix), **variables}, {**secret, **hidden}
        hidden |= self._declared(own.get(DECLARED_SECRETS))
        words = {
            "WANDB_PROJECT": safe_project(own[FLOW_VARIABLE]),
            "WANDB_RUN_GROUP": f"{own[FLOW_VARIABLE]}/{request.run.run_id}",
            "WANDB_JOB_TYPE": own.get(STEP_MARK, ""),
            EARLIER_ATTEMPTS: str(request.key.attempt - request.user_retry_index),
        }
        triggers = [value for name, value in sorted(request.run.parameters.items()) if name.startswith(TRIGGER_PARAMETERS) and value]
        if triggers:
            words["METAFLOW_PENSTOCK_TRIGGERS"] = json.dumps(triggers)
        return {**plain, **words, **metadata_variables(self.url, self.flows_prefix), **variables}, {**secret, **hidden}

    def _declared(self, names: object) -> dict[str, str]:
        """Variables of the secrets that a step declares; entries that are no text or too long, and names that nobody set, have none."""
        found: dict[str, str] = {}
        for name in json.loads(names) if isinstance(names, str) else ():
            for key, value in (self.secrets.get("secret", str(name)) or {}).items():
                with contextlib.suppress(UnicodeDecodeError):
                    if len(value) <= _MAX_ENTRY_BYTES:
                        found[SECRET_ENTRY + f"{name}/{key}".encode().hex()] = value.decode()
        return found


def secret_reader(keys: KeyService, secrets: SecretStore) -> SecretReader:
    """Return how people's own flows read secrets: with a key of a person. Tasks get what they declare, nothing else."""

    async def read(key: str, name: str) -> Mapping[str, str]:
        caller = await asyncio.to_thread(keys.check, key)
        if caller.scope:
            raise PermissionDeniedError(f"the key of a task does not open secret {name!r}: name it in @secrets of its step")
        entries = await secrets.read("secret", name)
        if entries is None:
            raise NotFoundError(f"secret {name!r} not found")
        try:
            return {key: value.decode() for key, value in entries.items()}
        except UnicodeDecodeError:
            raise InvalidArgumentError(f"secret {name!r} has an entry that is no text") from None

    return read


def _speaks_metaflow(work: ContainerWork) -> bool:
    words = (word for word in (*work.command, *work.args) if isinstance(word, str))
    return "AWS_ACCESS_KEY_ID" not in dict(work.env) and any("metaflow" in word and _METAFLOW.search(word) for word in words)


def metadata_variables(url: str, flows_prefix: str) -> dict[str, str]:
    """Return the variables that make Metaflow's client record at this server, and print addresses below `flows_prefix`."""
    return {
        "METAFLOW_DEFAULT_METADATA": "service",
        "METAFLOW_SERVICE_URL": f"{url}{METAFLOW_PREFIX}",
        "METAFLOW_UI_URL": f"{url}/{flows_prefix}",
        "METAFLOW_DEFAULT_FROM_DEPLOYMENT_IMPL": "penstock",
        "METAFLOW_ARGO_EVENTS_WEBHOOK_URL": f"{url}{METAFLOW_PREFIX}{EVENTS}",
        "METAFLOW_ARGO_EVENTS_WEBHOOK_AUTH": "service",
    }


def datastore_variables(url: str, secret: bytes, access_key: str | None = None) -> dict[str, str]:
    """Return the variables that make Metaflow's client keep its data at this server, with the key of all clients if none is given.

    Metaflow reads the credentials of its object store from `AWS_*` only (its `METAFLOW_DATATOOLS_SESSION_VARS` does not reach the
    helper processes that move the bytes), so these are replaced in a shell that takes all lines.
    """
    access_key = access_key or access_key_for("metaflow")
    return {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{OWN_BUCKET}/flows",
        "METAFLOW_S3_ENDPOINT_URL": f"{url}{S3_PREFIX}",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_for(secret, access_key),
    }
