"""Wires automations: rules, what makes them fire, what delivers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock.background.automations import Automator
from penstock.interfaces.clock import Clock
from penstock.interfaces.notifier import Notifier
from penstock.interfaces.tracking_store import SeriesStore
from penstock.server.config import Settings, is_loopback_host
from penstock.stores.sql.automations import SqlAutomationStore
from penstock.stores.sql.collections import SqlCollectionStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.reports import SqlAlertStore
from penstock.stores.sql.secrets import SqlSecretStore
from penstock.stores.sql.tracking_runs import SqlTrackedRunStore
from penstock.stores.sql.versions import SqlVersionStore
from penstock.stores.webhooks import HttpWebhookSender
from penstock.tracking.alerts import AlertService
from penstock.tracking.automation_delivery import AutomationDelivery
from penstock.tracking.automation_firing import AutomationFiring
from penstock.tracking.automations import AutomationService

_DEFAULT_SECRET = "webhooks"


@dataclass(frozen=True, slots=True)
class Automations:
    """Use cases, and the service that makes them fire."""

    rules: AutomationService
    automator: Automator


def build_automations(settings: Settings, database: Database, series: SeriesStore, *, clock: Clock, notifier: Notifier) -> Automations:
    """Return automations over `database`; nothing runs yet."""
    store, runs = SqlAutomationStore(database), SqlTrackedRunStore(database)
    firing = AutomationFiring(
        store, runs=runs, series=series, versions=SqlVersionStore(database), collections=SqlCollectionStore(database), clock=clock
    )
    sender = HttpWebhookSender(
        settings.tracking_webhook_hosts, is_own_machine=lambda host: settings.is_loopback and is_loopback_host(host)
    )
    delivery = AutomationDelivery(
        store, sender, secret_reader(database), runs=runs, alerts=AlertService(SqlAlertStore(database), clock), clock=clock
    )
    automator = Automator(firing, delivery, runs, notifier)
    return Automations(AutomationService(store, clock, on_change=automator.refresh), automator)


def secret_reader(database: Database) -> Callable[[str], str | None]:
    """Return the look-up of secrets: `name/KEY`, or `KEY` of the secret `webhooks` (see `penstock secrets`)."""
    secrets = SqlSecretStore(database)

    def read(reference: str) -> str | None:
        name, _, key = reference.rpartition("/")
        value = (secrets.get("secret", name or _DEFAULT_SECRET) or {}).get(key)
        return None if value is None else value.decode("utf-8", "replace")

    return read
