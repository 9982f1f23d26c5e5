"""State words: internal to wire, and filters from wire to internal.

A run that was stopped on request ends CANCELED inside. Clients up to 2.17.3 wait for ever on CANCELED, so by default the wire says
FAILED with error code 1; a setting makes it CANCELED. Semantics: kfp protocol notes, section 2.7.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from penstock.api.kfp.wire import message, timestamp
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.states import RuntimeState
from penstock.interfaces.listing import Op, Predicate
from penstock.interfaces.run_store import RunView
from penstock.pipelines.paging import OpenList

CANCELED_CODE = 1
FAILED_CODE = 2
_STATE_KEYS = frozenset({"state", "status"})


@dataclass(frozen=True, slots=True)
class RunStates:
    """How run states are told to clients."""

    terminated: RuntimeState = RuntimeState.FAILED
    """FAILED or CANCELED: what a run that was stopped on request reports."""

    def to_wire(self, state: RuntimeState) -> str:
        """Return the word for a run's state."""
        return (self.terminated if state is RuntimeState.CANCELED else state).value

    def opened(self, opened: OpenList) -> OpenList:
        """Return the list request with its state predicates in internal words."""
        predicates = tuple(self._internal(one) if one.key in _STATE_KEYS else one for one in opened.query.predicates)
        return replace(opened, query=replace(opened.query, predicates=predicates))

    def _internal(self, predicate: Predicate) -> Predicate:
        if predicate.op in {Op.EQUALS, Op.IN}:
            return Predicate(predicate.key, Op.IN, self._states(predicate))
        if predicate.op in {Op.NOT_EQUALS, Op.NOT_IN}:
            return Predicate(predicate.key, Op.NOT_IN, self._states(predicate))
        if predicate.op is Op.IS_SUBSTRING:
            needle = str(predicate.values[0]).upper()
            return Predicate(predicate.key, Op.IN, tuple(state.value for state in RuntimeState if needle in self.to_wire(state)))
        raise InvalidArgumentError(f"filter: {predicate.op} does not apply to {predicate.key!r}")

    def _states(self, predicate: Predicate) -> tuple[str, ...]:
        wanted = {str(value).upper() for value in predicate.values}
        return tuple(state.value for state in RuntimeState if self.to_wire(state) in wanted)


def status(code: int | None, text: str | None) -> dict[str, Any] | None:
    """Return a `google.rpc.Status`, or None when there is nothing to say."""
    return None if not text else {"code": code or FAILED_CODE, "message": text}


def run_error(run: RunView) -> dict[str, Any] | None:
    """Return the error of a run that did not succeed."""
    if run.state is RuntimeState.CANCELED:
        return status(CANCELED_CODE, run.error_message or "terminated by user")
    return status(run.error_code, run.error_message) if run.state is RuntimeState.FAILED else None


def history_entry(at: float, state: str, error: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return one `RuntimeStatus`."""
    return message(update_time=timestamp(at), state=state, error=error)
