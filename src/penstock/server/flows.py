"""Wiring of recorded flows: what the metadata service writes to, what the flow pages read from, and who judges silent runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from penstock.background.flow_reaper import FlowReaper
from penstock.executors.preview.service import ProcessPickleViewer
from penstock.flows.reading import FlowReader
from penstock.flows.recording import FlowRecorder
from penstock.interfaces.blobs import BlobStore
from penstock.interfaces.clock import Clock
from penstock.interfaces.object_store import ObjectStore
from penstock.server.config import Settings
from penstock.stores.flow_files import ReachableFlowFiles
from penstock.stores.sql.database import Database
from penstock.stores.sql.flow_facts import SqlFlowStore
from penstock.stores.sql.flow_projection import SqlFlowJudge
from penstock.stores.sql.objects import SqlObjectStore
from penstock.stores.sql.pages_flows import SqlFlowPages
from penstock.web.flow_services import FlowWeb


@dataclass(frozen=True, slots=True)
class FlowParts:
    """Everything about recorded flows."""

    recorder: FlowRecorder
    objects: ObjectStore
    web: FlowWeb
    reaper: FlowReaper


def build_flows(settings: Settings, database: Database, blobs: BlobStore, clock: Clock) -> FlowParts:
    """Return the parts; nothing runs yet."""
    store, objects = SqlFlowStore(database), SqlObjectStore(database)
    files = ReachableFlowFiles(
        objects, blobs, allowed=[Path(root).expanduser() for root in settings.flows_local_roots], trusts_local=settings.is_loopback
    )
    recorder = FlowRecorder(store, clock)
    reader = FlowReader(store, files, ProcessPickleViewer())
    return FlowParts(recorder, objects, FlowWeb(SqlFlowPages(database), reader, recorder), FlowReaper(SqlFlowJudge(database), clock))
