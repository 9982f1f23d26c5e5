"""Wires the W&B protocol: keys, accounts, artifacts, sweeps, reports over the database and the blob store."""

from __future__ import annotations

from pathlib import Path

from penstock.api.wandb.ids import encode, number
from penstock.api.wandb.services import WandbServices
from penstock.api.wandb.signing import UrlSigner
from penstock.domain.errors import InvalidArgumentError
from penstock.interfaces.blobs import UploadStore
from penstock.interfaces.clock import Clock, IdSource
from penstock.interfaces.notifier import Notifier
from penstock.server.tracking import Tracking
from penstock.stores.manifests.index import LocalManifestIndex
from penstock.stores.sql.automations import SqlAutomationStore
from penstock.stores.sql.collections import SqlCollectionStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.gaps import SqlGapStore
from penstock.stores.sql.registries import SqlRegistryStore
from penstock.stores.sql.reports import SqlAlertStore, SqlReportStore
from penstock.stores.sql.sweeps import SqlSweepStore
from penstock.stores.sql.tracking_task_versions import SqlTaskVersionStore
from penstock.stores.sql.versions import SqlVersionStore
from penstock.tracking.accounts import AccountService
from penstock.tracking.alerts import AlertService
from penstock.tracking.artifact_uploads import ArtifactUploads
from penstock.tracking.artifacts import ArtifactService
from penstock.tracking.automations import AutomationService
from penstock.tracking.collections import CollectionService
from penstock.tracking.gaps import GapService
from penstock.tracking.keys import KeyService
from penstock.tracking.registries import RegistryService
from penstock.tracking.reports import ReportService
from penstock.tracking.sweeps import SweepService
from penstock.tracking.task_versions import TaskVersionService


def build_wandb(
    database: Database,
    folder: Path,
    tracking: Tracking,
    *,
    keys: KeyService,
    accounts: AccountService,
    blobs: UploadStore,
    clock: Clock,
    ids: IdSource,
    notifier: Notifier,
    automations: AutomationService | None = None,
    public_url: str = "",
) -> WandbServices:
    """Return everything behind `api.wandb.routes`.

    Args:
        database: opened.
        folder: where listings of large manifests may be kept (`<data>/tracking`).
        tracking: the tracking room.
        keys: API keys.
        accounts: entities; started.
        blobs: bytes of files and artifacts.
        clock: wall clock.
        ids: source of ids.
        notifier: told about changes.
        automations: rules of what to do when; made here when not given.
        public_url: address under which clients reach the server, when it cannot be taken from their requests.
    """
    artifacts = build_artifacts(database, folder, blobs, clock)
    collections = CollectionService(SqlCollectionStore(database), clock)
    return WandbServices(
        clock=clock,
        notifier=notifier,
        blobs=blobs,
        signer=UrlSigner(accounts.url_signing_key()),
        keys=keys,
        accounts=accounts,
        projects=tracking.projects,
        runs=tracking.runs,
        history=tracking.history,
        console=tracking.console,
        files=tracking.files,
        filestream=tracking.filestream,
        artifacts=artifacts,
        uploads=ArtifactUploads(SqlVersionStore(database), blobs, clock),
        task_versions=TaskVersionService(
            SqlTaskVersionStore(database), artifacts, SqlVersionStore(database), blobs, birth_id=birth_id_of_version
        ),
        collections=collections,
        registries=RegistryService(SqlRegistryStore(database), collections, clock),
        sweeps=SweepService(SqlSweepStore(database), clock, ids),
        reports=ReportService(SqlReportStore(database), clock),
        alerts=AlertService(SqlAlertStore(database), clock),
        gaps=GapService(SqlGapStore(database), clock),
        automations=automations or AutomationService(SqlAutomationStore(database), clock),
        public_url=public_url,
    )


def build_artifacts(database: Database, folder: Path, blobs: UploadStore, clock: Clock) -> ArtifactService:
    """Return the use cases of artifact versions; `folder` is the one of tracking."""
    index = LocalManifestIndex(folder / "manifests")
    return ArtifactService(SqlVersionStore(database), blobs, index, clock, version_of_birth_id=version_of_birth_id)


def birth_id_of_version(version_id: int) -> str:
    """Return how a manifest entry names the version that brought its bytes."""
    return encode("Artifact", version_id)


def version_of_birth_id(wire_id: str) -> int | None:
    """Return the version that a manifest entry's `birthArtifactID` names, or None when it is another server's."""
    try:
        return number(wire_id, "Artifact")
    except InvalidArgumentError:
        return None
