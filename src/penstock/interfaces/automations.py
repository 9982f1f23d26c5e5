"""Stores of automations and what sends webhooks. Methods of stores block; each is one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.domain.automations import Automation, AutomationEvent, Delivery, DeliveryState, NewDelivery, WebhookIntegration


class AutomationStore(Protocol):
    """Automations, integrations, events that wait, and the log of deliveries."""

    def add_automation(self, automation: Automation) -> Automation:
        """Store a new automation; its id in the argument is ignored.

        Raises:
            AlreadyExistsError: the entity has one of this name.
        """
        ...

    def put_automation(self, automation: Automation) -> None:
        """Replace a stored automation.

        Raises:
            AlreadyExistsError: the entity has another one of this name.
        """
        ...

    def delete_automation(self, automation_id: int) -> bool:
        """Remove it with its log; whether it existed."""
        ...

    def automation(self, automation_id: int) -> Automation | None:
        """Return the automation, or None."""
        ...

    def automations(
        self, *, entity: str | None = None, project_id: int | None = None, name: str | None = None, only_enabled: bool = False
    ) -> Sequence[Automation]:
        """Return automations, oldest first; of an entity, or whose scope is a project or something in it."""
        ...

    def add_integration(self, integration: WebhookIntegration) -> WebhookIntegration:
        """Store a new integration; its id in the argument is ignored.

        Raises:
            AlreadyExistsError: the entity has one of this name.
        """
        ...

    def integration(self, integration_id: int) -> WebhookIntegration | None:
        """Return the integration, or None."""
        ...

    def integrations(self, entity: str) -> Sequence[WebhookIntegration]:
        """Return an entity's integrations, oldest first."""
        ...

    def waiting_events(self, *, limit: int) -> Sequence[AutomationEvent]:
        """Return the oldest events that nobody has looked at."""
        ...

    def settle_events(self, events: Sequence[AutomationEvent], deliveries: Sequence[NewDelivery], *, at: float) -> None:
        """Forget events and store what follows from them, all or none; a known occasion of an automation is left out."""
        ...

    def claim_due(self, *, now: float, until: float, limit: int) -> Sequence[Delivery]:
        """Return pending deliveries whose time has come; nobody else gets them before `until`."""
        ...

    def end_delivery(self, delivery_id: int, state: DeliveryState, detail: str, *, at: float) -> None:
        """Note how a delivery went."""
        ...

    def postpone(self, delivery_id: int, detail: str, *, due_at: float, is_tried: bool = True) -> None:
        """Try a delivery again later; one that was not tried keeps that attempt."""
        ...

    def renew(self, automation_id: int, delivery_id: int, *, at: float) -> bool:
        """Begin a delivery that did not arrive anew, due at once; whether the automation has such a one."""
        ...

    def deliveries(self, automation_ids: Sequence[int], *, limit: int) -> Mapping[int, Sequence[Delivery]]:
        """Return the newest `limit` entries of each automation's log, newest first."""
        ...


class WebhookSender(Protocol):
    """Sends requests to where integrations point."""

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Post a JSON body; return status and beginning of the answer. Redirects are not followed.

        Raises:
            PermissionDeniedError: the server's settings do not allow this address; trying again is no use.
            UnavailableError: nobody answered.
        """
        ...
