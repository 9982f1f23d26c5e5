"""Pausing a run: what runs goes on to its end, nothing new starts until the run is continued.

Semantics: Argo's `spec.suspend` on a workflow, which `argo-workflows suspend` of Metaflow sets: its controller starts no pods while it
is true. A pause stops no clock: the deadline of the run counts on, and a retry whose time came starts when the run is continued. A
cancel ends the pause, so that exit tasks run. An attempt that was lost with its supervisor is launched again also in a paused run: it
had begun before. A paused run of which nothing is left to start ends as usual.
"""

from __future__ import annotations

from penstock.domain.states import RuntimeState
from penstock.engine.attempts import launch
from penstock.engine.events import ContinueRequested, PauseRequested
from penstock.engine.flow import admit
from penstock.engine.nodes import RunState
from penstock.engine.phases import Phase


def on_pause_requested(state: RunState, event: PauseRequested) -> bool:
    """Start nothing more."""
    root = state.root
    if root is None or root.is_final or state.is_paused or state.cancel_reason is not None:
        return False
    state.is_paused = True
    state.changes.history.append((event.at, RuntimeState.PAUSED, event.reason or None))
    state.touch(root)
    return True


def on_continue_requested(state: RunState, event: ContinueRequested) -> bool:
    """Start what was held back, in the order in which its turn came."""
    root = state.root
    if root is None or not state.is_paused:
        return False
    state.changes.history.append((event.at, RuntimeState.RUNNING, None))
    state.touch(root)
    end_pause(state)
    return True


def end_pause(state: RunState) -> None:
    """Let go what the pause held; what was canceled or skipped meanwhile stays so."""
    state.is_paused = False
    held, state.paused = list(state.paused), []
    for node in held:
        if node.phase is Phase.HELD:
            admit(state, node)
        elif node.phase in (Phase.BACKOFF, Phase.CACHING):
            launch(state, node)
