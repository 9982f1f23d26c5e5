"""What the W&B adapter needs from the rest of the server, in one place. Built by the composition root, never here.

Use cases of `tracking.runs`, `history`, `files`, `projects` and `console` are coroutines on the event loop; those of `artifacts`,
`uploads`, `task_versions`, `automations`, `collections`, `registries`, `keys`, `accounts`, `sweeps`, `reports`, `alerts` and `gaps` block
and are called from worker threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from penstock.api.wandb.signing import UrlSigner
from penstock.interfaces.blobs import UploadStore
from penstock.interfaces.clock import Clock
from penstock.interfaces.notifier import Notifier
from penstock.tracking.accounts import AccountService
from penstock.tracking.alerts import AlertService
from penstock.tracking.artifact_uploads import ArtifactUploads
from penstock.tracking.artifacts import ArtifactService
from penstock.tracking.automations import AutomationService
from penstock.tracking.collections import CollectionService
from penstock.tracking.console import ConsoleService
from penstock.tracking.files import RunFileService
from penstock.tracking.filestream import FileStreamService
from penstock.tracking.gaps import GapService
from penstock.tracking.history import HistoryService
from penstock.tracking.keys import KeyService
from penstock.tracking.projects import ProjectService
from penstock.tracking.registries import RegistryService
from penstock.tracking.reports import ReportService
from penstock.tracking.runs import TrackedRunService
from penstock.tracking.sweeps import SweepService
from penstock.tracking.task_versions import TaskVersionService

_GRAPHQL_THREADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WandbServices:
    """Everything behind `api.wandb.routes`."""

    clock: Clock
    notifier: Notifier
    blobs: UploadStore
    signer: UrlSigner
    """With the key that `AccountService.url_signing_key` returns."""
    keys: KeyService
    accounts: AccountService
    projects: ProjectService
    runs: TrackedRunService
    history: HistoryService
    console: ConsoleService
    files: RunFileService
    filestream: FileStreamService
    artifacts: ArtifactService
    uploads: ArtifactUploads
    task_versions: TaskVersionService
    collections: CollectionService
    registries: RegistryService
    sweeps: SweepService
    reports: ReportService
    alerts: AlertService
    gaps: GapService
    automations: AutomationService
    public_url: str = ""
    """Address under which clients reach the server, when it must not be taken from their requests (`PENSTOCK_SERVER_URL`)."""
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=_GRAPHQL_THREADS, thread_name_prefix="penstock-graphql")
    )
    """Where GraphQL documents are executed; closed by whoever made this."""
