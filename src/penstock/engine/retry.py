"""What follows a failed attempt: another one, later or at once, or the end.

Semantics: KFP protocol notes, section 4.8: `max_retries` further attempts, delay `backoff * factor**(k-1)` up to a limit, and
only for failures of the author's command. Argo's `backoff.maxDuration` limits the whole time of retrying instead, as its
controller does (`processNodeRetries`): a retry that would begin later than that after the first attempt began is left out. An
attempt that was lost with its supervisor says nothing about the author's code: the system runs it again a few times on its own
account.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.domain.execution import Failure, FailureKind
from penstock.domain.plan import RetryPolicy
from penstock.engine.readiness import seconds

MAX_LOSSES = 3
"""Relaunches of lost attempts per task before a loss counts as a failure."""

COMMAND_FAILURES = frozenset(
    {
        FailureKind.EXIT_CODE,
        FailureKind.SIGNAL,
        FailureKind.OUT_OF_MEMORY,
        FailureKind.DEADLINE,
        FailureKind.OUTPUT,
        FailureKind.ENVIRONMENT,
        FailureKind.START,
        FailureKind.LOST,
        FailureKind.SYSTEM,
    }
)
"""Failures that a policy without its own list retries. Not INPUT: the same inputs fail the same way."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Another attempt on the author's account after `delay_seconds`."""

    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Relaunch:
    """Another attempt at once on the system's account."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The task failed."""

    reason: str = ""
    """Why retries that are left are not used; empty where none are."""


Decision = RetryLater | Relaunch | GiveUp


def decide(policy: RetryPolicy | None, failure: Failure, *, user_retries: int, losses: int, elapsed_seconds: float = 0.0) -> Decision:
    """Return what to do after `failure`, given how many retries and losses came before it and how long ago the first attempt began."""
    if (failure.kind is FailureKind.LOST or failure.was_canceled) and losses < MAX_LOSSES:
        # A cancel that the engine did not ask for comes from a closing server: the same thing as a loss.
        return Relaunch()
    if policy is None or user_retries >= policy.max_retries or failure.kind not in (policy.on or COMMAND_FAILURES):
        return GiveUp()
    delay = delay_seconds(policy, user_retries + 1)
    if policy.max_total_seconds is not None and elapsed_seconds + delay > policy.max_total_seconds:
        limit, left = seconds(policy.max_total_seconds), policy.max_retries - user_retries
        return GiveUp(f"not tried again, with {left} left of {policy.max_retries} retries: all may take {limit} (backoff.maxDuration)")
    return RetryLater(delay)


def delay_seconds(policy: RetryPolicy, retry: int) -> float:
    """Delay before retry number `retry` (1-based)."""
    try:
        delay = policy.backoff_seconds * policy.factor ** (retry - 1)
    except OverflowError:
        delay = policy.max_backoff_seconds
    return max(0.0, min(delay, policy.max_backoff_seconds))
