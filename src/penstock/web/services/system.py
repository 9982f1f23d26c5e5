"""What the System page reads from and acts through."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.interfaces.backups import BackupSource
from penstock.interfaces.system_status import StatusSource
from penstock.pipelines.secrets import SecretService
from penstock.tracking.gaps import GapService


@dataclass(frozen=True, slots=True)
class SystemServices:
    """State of the process, secrets of tasks, what clients asked for in vain, and backups."""

    source: StatusSource
    secrets: SecretService
    gaps: GapService
    backups: BackupSource
