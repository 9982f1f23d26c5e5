"""Wires the tracking pages to the use cases that the W&B protocol works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.api.wandb.services import WandbServices
from penstock.stores.sql.accounts import SqlInviteStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.pages_tracking import SqlTrackingPages
from penstock.tracking.invites import InviteService
from penstock.web.services.tracking import TrackingServices


def build_tracking_pages(
    wandb: WandbServices, database: Database, *, variables: Callable[[str, str], Mapping[str, str]] = lambda user_name, key: {}
) -> TrackingServices:
    """Return what the tracking pages work with: the same services, and the pages' own questions to `database`.

    Args:
        wandb: the services behind the protocol.
        database: opened.
        variables: (user, key) -> what the user's clients read.
    """
    return TrackingServices(
        projects=wandb.projects,
        runs=wandb.runs,
        history=wandb.history,
        console=wandb.console,
        files=wandb.files,
        artifacts=wandb.artifacts,
        task_versions=wandb.task_versions,
        collections=wandb.collections,
        registries=wandb.registries,
        sweeps=wandb.sweeps,
        reports=wandb.reports,
        automations=wandb.automations,
        keys=wandb.keys,
        accounts=wandb.accounts,
        invites=InviteService(SqlInviteStore(database), wandb.keys, wandb.clock),
        pages=SqlTrackingPages(database),
        variables=variables,
    )
