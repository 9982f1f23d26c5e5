"""The life of a leaf's attempts: launched, started, ended, tried again."""

from __future__ import annotations

from dataclasses import replace

from penstock.domain.execution import AttemptKey, Failure, LaunchRequest
from penstock.domain.plan import LeafTemplate
from penstock.domain.states import RuntimeState
from penstock.engine.commands import LaunchAttempt, ScheduleRetry
from penstock.engine.events import AttemptFailed, AttemptStarted, AttemptSucceeded, RetryDue
from penstock.engine.flow import fail, finish, move, succeed, touch_dependents
from penstock.engine.nodes import AttemptChange, EngineFaultError, Leaf, Node, Note, RunState, leaf_of
from penstock.engine.phases import Phase
from penstock.engine.readiness import seconds
from penstock.engine.retry import MAX_LOSSES, Relaunch, RetryLater, decide
from penstock.engine.scope import failures_text, run_seconds, run_status

_UNDER_WAY = frozenset({Phase.LAUNCHED, Phase.RUNNING, Phase.STOPPING})


def launch(state: RunState, node: Node) -> None:
    """Hand the next attempt of `node` to the executor."""
    leaf = leaf_of(node)
    attempt = leaf.attempts
    leaf.attempts += 1
    leaf.attempt_created_at = state.now
    leaf.attempt_started_at = None
    leaf.retry_at = None
    move(state, node, Phase.LAUNCHED)
    state.changes.attempts.append(AttemptChange(node.task_id, attempt, RuntimeState.PENDING, state.now))
    state.emit(("attempt", node.path), LaunchAttempt(node.path, _request(state, node, attempt)))


def launch_or_hold(state: RunState, node: Node) -> None:
    """Hand the next attempt of `node` to the executor, when the run is not paused."""
    if state.is_paused:
        state.touch(node)
        state.paused.append(node)
    else:
        launch(state, node)


def _request(state: RunState, node: Node, attempt: int) -> LaunchRequest:
    template = node.template
    if not isinstance(template, LeafTemplate) or state.context is None:
        raise EngineFaultError(f"{node.path} cannot be launched")
    return LaunchRequest(
        key=AttemptKey(state.new_run.run_id, node.task_id, attempt),
        dialect=state.plan.dialect,
        run=state.context,
        task_path=node.path,
        task_key=node.key,
        display_name=node.name,
        template=template,
        parameters=node.parameters,
        artifacts=node.artifacts,
        given=node.given,
        iteration_index=_iteration_index(node),
        user_retry_index=leaf_of(node).user_retries,
        run_status=run_status(state) if node.is_sheltered else "",
        run_failures=failures_text(state) if node.is_sheltered else "",
        run_seconds=run_seconds(state),
    )


def _iteration_index(node: Node) -> int | None:
    """Number of the innermost iteration around (or at) `node`."""
    current: Node | None = node
    while current is not None:
        if current.iteration is not None:
            return current.iteration
        current = current.parent
    return None


def _is_current(node: Node | None, attempt: int) -> bool:
    """Whether a report speaks of the attempt under way; late and repeated ones do not."""
    return node is not None and node.leaf is not None and node.phase in _UNDER_WAY and attempt == node.leaf.attempts - 1


def on_started(state: RunState, event: AttemptStarted) -> bool:
    """The attempt's process runs."""
    node = state.nodes.get(event.path)
    if node is None or not _is_current(node, event.attempt) or node.leaf is None or node.leaf.attempt_started_at is not None:
        return False
    node.leaf.attempt_started_at = event.at
    if node.phase is Phase.LAUNCHED:
        move(state, node, Phase.RUNNING)
    state.changes.attempts.append(_change(node, node.leaf, RuntimeState.RUNNING))
    return True


def on_succeeded(state: RunState, event: AttemptSucceeded) -> bool:
    """The attempt ended well; that also holds when a cancel came too late to stop it."""
    node = state.nodes.get(event.path)
    if node is None or not _is_current(node, event.attempt):
        return False
    _end_attempt(state, node, RuntimeState.SUCCEEDED, event.exit_code, None)
    succeed(state, node, event.outputs)
    return True


def on_failed(state: RunState, event: AttemptFailed) -> bool:
    """The attempt failed: stop, try again, or give up."""
    node = state.nodes.get(event.path)
    if node is None or not _is_current(node, event.attempt):
        return False
    leaf = leaf_of(node)
    failure = event.failure
    if node.phase is Phase.STOPPING:
        _end_attempt(state, node, RuntimeState.CANCELED, event.exit_code, failure)
        finish(state, node, Phase.CANCELED, reason=state.cancel_reason or failure.message)
        return True
    _end_attempt(state, node, RuntimeState.FAILED, event.exit_code, failure)
    elapsed = event.at - (node.started_at if node.started_at is not None else event.at)
    decision = decide(node.retry, failure, user_retries=leaf.user_retries, losses=leaf.losses, elapsed_seconds=elapsed)
    if isinstance(decision, Relaunch):
        leaf.losses += 1
        text = f"attempt {event.attempt + 1} was lost and is run again by the system ({leaf.losses} of {MAX_LOSSES}): {failure.message}"
        state.changes.notes.append(Note(node.task_id, event.attempt, event.at, "lost", text))
        launch(state, node)
    elif isinstance(decision, RetryLater):
        _back_off(state, node, event, decision.delay_seconds)
    else:
        if decision.reason:
            state.changes.notes.append(Note(node.task_id, event.attempt, event.at, "retry", decision.reason))
        fail(state, node, failure)
    return True


def _back_off(state: RunState, node: Node, event: AttemptFailed, delay_seconds: float) -> None:
    leaf = leaf_of(node)
    leaf.user_retries += 1
    if delay_seconds <= 0:
        text = f"attempt {event.attempt + 1} failed; retry {leaf.user_retries} starts now"
        state.changes.notes.append(Note(node.task_id, event.attempt, event.at, "retry", text))
        move(state, node, Phase.BACKOFF)
        launch_or_hold(state, node)
        return
    leaf.retry_at = event.at + delay_seconds
    node.error = event.failure
    text = f"attempt {event.attempt + 1} failed; retry {leaf.user_retries} in {seconds(delay_seconds)}"
    state.changes.notes.append(Note(node.task_id, event.attempt, event.at, "retry", text))
    move(state, node, Phase.BACKOFF)
    state.emit(("retry", node.path), ScheduleRetry(node.path, leaf.attempts, leaf.retry_at))
    touch_dependents(state, node)


def on_retry_due(state: RunState, event: RetryDue) -> bool:
    """The delay is over."""
    node = state.nodes.get(event.path)
    if node is None or node.leaf is None or node.phase is not Phase.BACKOFF or node.leaf.attempts != event.attempt:
        return False
    if ("retry", node.path) not in state.outbox:  # its time came already; the pause of the run holds it
        return False
    state.close_command("retry", node.path)
    node.error = None
    node.leaf.retry_at = None
    launch_or_hold(state, node)
    touch_dependents(state, node)
    return True


def _end_attempt(state: RunState, node: Node, outcome: RuntimeState, exit_code: int | None, failure: Failure | None) -> None:
    leaf = leaf_of(node)
    state.close_command("attempt", node.path)
    state.close_command("cancel", node.path)
    code = exit_code if exit_code is not None or failure is None else failure.exit_code
    state.changes.attempts.append(replace(_change(node, leaf, outcome), finished_at=state.now, exit_code=code, failure=failure))
    if node.started_at is None:
        node.started_at = leaf.attempt_started_at or state.now


def _change(node: Node, leaf: Leaf, outcome: RuntimeState) -> AttemptChange:
    return AttemptChange(node.task_id, leaf.attempts - 1, outcome, leaf.attempt_created_at, leaf.attempt_started_at)
