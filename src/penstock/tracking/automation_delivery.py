"""How deliveries of automations are performed: notifications shown here, webhooks posted.

Pending deliveries survive a restart; a webhook that nobody answers is tried again for a while. An answer that is lost makes a webhook
arrive twice: its `X-Wandb-Delivery` header is the same both times.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from asyncio import to_thread
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from penstock.domain.automations import ActionType, Automation, Delivery, DeliveryState
from penstock.domain.errors import PermissionDeniedError, UnavailableError
from penstock.domain.reports import AlertSeverity
from penstock.interfaces.automations import AutomationStore, WebhookSender
from penstock.interfaces.clock import Clock
from penstock.interfaces.tracking_store import TrackedRunStore
from penstock.tracking.alerts import AlertService
from penstock.tracking.automation_words import filled, masked
from penstock.tracking.automations import load_filter

SecretReader = Callable[[str], str | None]
"""The secret that a reference names, or None. Blocks."""

_BATCH = 200
_AT_ONCE = 20
"""Automations whose deliveries go out beside each other: one receiver that hangs does not hold up the others."""
_LEASE_SECONDS = 60.0
_RETRIES_SECONDS = (5.0, 30.0, 120.0, 600.0)
_RETRIED = frozenset({408, 425, 429})
_MAX_DETAIL = 2000


class AutomationDelivery:
    """Performs what automations want done. Lives on the event loop."""

    def __init__(
        self,
        store: AutomationStore,
        sender: WebhookSender,
        secrets: SecretReader,
        *,
        runs: TrackedRunStore,
        alerts: AlertService,
        clock: Clock,
    ) -> None:
        self._store = store
        self._sender = sender
        self._secrets = secrets
        self._runs = runs
        self._alerts = alerts
        self._clock = clock

    async def perform_due(self) -> int:
        """Perform what is due; return how many there were."""
        now = self._clock.now()
        due = await to_thread(self._store.claim_due, now=now, until=now + _LEASE_SECONDS, limit=_BATCH)
        rules: dict[int, list[Delivery]] = {}
        for delivery in due:
            rules.setdefault(delivery.automation_id, []).append(delivery)
        free = asyncio.Semaphore(_AT_ONCE)
        told = await asyncio.gather(*(self._perform(number, its, free) for number, its in rules.items()), return_exceptions=True)
        for failure in told:
            if failure is not None:
                raise failure
        return len(due)

    async def _perform(self, automation_id: int, deliveries: Sequence[Delivery], free: asyncio.Semaphore) -> None:
        """Perform what one automation wants done, in order. Where nobody answers, what comes after waits without being tried."""
        async with free:
            automation = await to_thread(self._store.automation, automation_id)
            if automation is None:
                return
            for place, delivery in enumerate(deliveries):
                if await self._one(automation, delivery):
                    continue
                due_at = self._clock.now() + _RETRIES_SECONDS[0]
                for later in deliveries[place + 1 :]:
                    await to_thread(partial(self._store.postpone, later.delivery_id, later.detail, due_at=due_at, is_tried=False))
                return

    async def _one(self, automation: Automation, delivery: Delivery) -> bool:
        """Perform one delivery; whether somebody was there."""
        if automation.action_type is ActionType.GENERIC_WEBHOOK:
            return await self._post(automation, delivery)
        detail = await self._notify(automation, delivery) if automation.action_type is ActionType.NOTIFICATION else ""
        await self._end(delivery, DeliveryState.DONE, detail)
        return True

    async def _end(self, delivery: Delivery, state: DeliveryState, detail: str) -> None:
        await to_thread(self._store.end_delivery, delivery.delivery_id, state, detail[:_MAX_DETAIL], at=self._clock.now())

    async def _notify(self, automation: Automation, delivery: Delivery) -> str:
        """Raise an alert on the run that the event is about; return the text, which the log keeps in any case."""
        words, action = delivery.words, automation.action
        title = str(filled(action.get("title") or automation.name, words))
        text = str(filled(action.get("message") or delivery.subject, words))
        if "run_id" in words:
            run = await self._runs.get(words["entity_name"], words["project_name"], words["run_id"])
            if run is not None:
                level = AlertSeverity(action.get("severity") or AlertSeverity.INFO)
                await to_thread(self._alerts.raise_alert, run.run_id, title=title, text=text, severity=level)
        return f"{title}: {text}"

    async def _post(self, automation: Automation, delivery: Delivery) -> bool:
        """Post a webhook; whether somebody answered, or there was nobody to ask."""
        target = await to_thread(self._store.integration, int(automation.action.get("integration_id") or 0))
        if target is None:
            await self._end(delivery, DeliveryState.FAILED, "the integration is gone")
            return True
        token = await self._secret(target.access_token_ref)
        secret = await self._secret(target.secret_ref)
        if token is None or secret is None:
            missing = target.access_token_ref if token is None else target.secret_ref
            await self._end(delivery, DeliveryState.FAILED, f"there is no secret {missing!r}")
            return True
        template = automation.action.get("request_payload")
        payload = filled(load_filter(template), {**delivery.words, "ACCESS_TOKEN": token}) if template else dict(delivery.words)
        body = json.dumps(payload).encode()
        state, said, is_there = await self._send(target.url, body, _headers(delivery, body, token=token, secret=secret))
        detail = masked(f"POST {target.url}: {said}", token, secret)
        if state is None and delivery.attempts <= len(_RETRIES_SECONDS):
            due_at = self._clock.now() + _RETRIES_SECONDS[delivery.attempts - 1]
            await to_thread(self._store.postpone, delivery.delivery_id, detail[:_MAX_DETAIL], due_at=due_at)
        else:
            await self._end(delivery, state or DeliveryState.FAILED, detail)
        return is_there

    async def _secret(self, reference: str) -> str | None:
        """Return the secret; empty when none is asked for, None when there is none."""
        return await to_thread(self._secrets, reference) if reference else ""

    async def _send(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[DeliveryState | None, str, bool]:
        """Return how it went, None when another attempt may help; what the other side said, and whether it said anything."""
        try:
            status, answer = await self._sender.send(url, body, headers)
        except PermissionDeniedError as error:
            return DeliveryState.REFUSED, str(error), True
        except UnavailableError as error:
            return None, str(error), False
        said = f"{status} {answer}".strip()
        if 200 <= status < 300:
            return DeliveryState.DONE, said, True
        return (None if status >= 500 or status in _RETRIED else DeliveryState.FAILED), said, True


def _headers(delivery: Delivery, body: bytes, *, token: str, secret: str) -> dict[str, str]:
    headers = {"X-Wandb-Delivery": str(delivery.delivery_id), "User-Agent": "penstock-automation"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if secret:
        headers["X-Wandb-Signature"] = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return headers
