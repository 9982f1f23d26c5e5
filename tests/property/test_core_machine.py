"""Hypothesis drives the core: any plan, any order, failures, losses, pauses, cancels, crashes, retries, late and repeated reports."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from penstock.domain.execution import Failure, FailureKind
from penstock.domain.plan import RunPlan
from penstock.domain.states import RuntimeState
from penstock.engine import events
from penstock.engine.commands import Command, LaunchAttempt, ScheduleDeadline
from penstock.engine.nodes import Node
from penstock.engine.phases import Phase
from tests.property.random_plans import plans
from tests.support.worlds import Answer, World, fails, picture, succeeds

_LOST = Failure(FailureKind.LOST, "the server was killed")
_WORKING = frozenset({Phase.CACHING, Phase.LAUNCHED, Phase.RUNNING, Phase.BACKOFF, Phase.IMPORTING, Phase.ACTIVE, Phase.STOPPING})


class EngineMachine(RuleBasedStateMachine):
    """The world's choices are the rules; what must hold is checked after each."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World
        self.done: set[str] = set()
        """Leaves that succeeded since the last retry request."""

    @initialize(plan=plans())
    def submit(self, plan: RunPlan) -> None:
        """A run begins."""
        self.world = World(plan)
        self._watch(self.world.commands[0])

    @precondition(lambda self: self.world.open())
    @rule(pick=st.integers(0, 1000), answer=st.sampled_from([succeeds, succeeds, succeeds, fails]))
    def answer_one(self, pick: int, answer: Answer) -> None:
        """Some open command is answered."""
        self._answer(pick, answer)

    @precondition(lambda self: self.world.open())
    @rule(pick=st.integers(0, 1000))
    def lose_one(self, pick: int) -> None:
        """Some attempt is lost."""
        self._answer(pick, lambda _: _LOST)

    @precondition(lambda self: self.world.open())
    @rule(pick=st.integers(0, 1000))
    def start_one(self, pick: int) -> None:
        """Some attempt reports its start."""
        command = self._pick(pick)
        if isinstance(command, LaunchAttempt):
            self._watch(self.world.send(events.AttemptStarted(self.world.clock, command.path, command.request.key.attempt)))

    @precondition(lambda self: not self.world.state.is_final)
    @rule()
    def cancel(self) -> None:
        """Somebody stops the run."""
        self._watch(self.world.send(events.CancelRequested(self.world.clock, "enough", 60.0)))

    @precondition(lambda self: not self.world.state.is_final)
    @rule()
    def pause_or_continue(self) -> None:
        """Somebody pauses the run, or lets a paused one go on."""
        if self.world.state.is_paused:
            self._watch(self.world.send(events.ContinueRequested(self.world.clock)))
        else:
            self._watch(self.world.send(events.PauseRequested(self.world.clock, "paused by user")))

    @rule()
    def let_a_deadline_pass(self) -> None:
        """Exit tasks of a canceled run took too long."""
        for command in list(self.world.state.outbox.values()):
            if isinstance(command, ScheduleDeadline):
                self._watch(self.world.send(events.DeadlineExpired(self.world.clock, command.what)))

    @rule()
    def crash(self) -> None:
        """The server is killed and started again."""
        before = picture(self.world.state)
        self.world.crash()
        assert picture(self.world.state) == before

    @precondition(lambda self: self.world.log)
    @rule(pick=st.integers(0, 1000))
    def repeat_an_old_report(self, pick: int) -> None:
        """A report comes a second time: nothing changes."""
        event = self.world.log[pick % len(self.world.log)]
        if isinstance(event, events.AttemptSucceeded | events.AttemptFailed | events.CacheHit | events.CacheMissed):
            node = self.world.state.nodes[event.path]
            if node.phase is Phase.CACHING:
                return  # after a retry request the same question is open again
            before = picture(self.world.state)
            self.world.send(event)
            assert picture(self.world.state) == before

    @precondition(lambda self: self.world.state.is_final and self.world.state.round < 3)
    @rule()
    def retry(self) -> None:
        """Somebody wants the finished run to go on."""
        kept = {path for path, node in self.world.state.nodes.items() if node.phase is Phase.SUCCEEDED}
        self.done = {path for path in self.done if path in kept and not self.world.state.nodes[path].is_sheltered}
        self._watch(self.world.send(events.RetryRequested(self.world.clock)))

    @invariant()
    def parents_and_children_agree(self) -> None:
        """Ends are consistent, limits hold, counters count."""
        state = self.world.state
        for node in state.nodes.values():
            self._check_group(node)
        leaves = [node for node in state.nodes.values() if node.leaf is not None]
        assert state.counts.tasks == len(leaves)
        assert state.counts.done == sum(node.is_final for node in leaves)
        assert state.counts.failed == sum(node.phase is Phase.FAILED for node in leaves)
        if state.plan.parallelism:
            assert sum(node.phase in _WORKING for node in leaves) <= state.plan.parallelism
        assert state.is_paused or not state.paused, "something is held for ever"
        if not state.is_final and not state.is_paused:
            assert any(not isinstance(command, ScheduleDeadline) for command in state.outbox.values()), "the run is stuck"
        for node in state.nodes.values():
            assert node.phase not in (Phase.SKIPPED, Phase.FAILED, Phase.CANCELED) or node.reason, f"{node.path} gives no reason"

    def teardown(self) -> None:
        """Whatever happened, the run ends when everything open is answered."""
        if not hasattr(self, "world"):
            return
        self.world.send(events.ContinueRequested(self.world.clock))
        for _ in range(10_000):
            if not self.world.open():
                break
            self._answer(0, succeeds)
        assert self.world.state.is_final
        assert not self.world.state.outbox
        assert picture(self.world.replayed()) == picture(self.world.state)
        if self.world.state.cancel_reason is not None:
            assert self.world.state.state is RuntimeState.CANCELED

    def _pick(self, pick: int) -> Command:
        open_commands = self.world.open()
        return open_commands[pick % len(open_commands)]

    def _answer(self, pick: int, answer: Answer) -> None:
        command = self._pick(pick)
        commands = self.world.answer(command, answer)
        last = self.world.log[-1]
        if isinstance(last, events.AttemptSucceeded):
            self.done.add(last.path)
        self._watch(commands)

    def _watch(self, commands: list[Command]) -> None:
        """No attempt starts in a pause or before what it depends on has ended, and no success is repeated."""
        last = self.world.log[-1]
        is_lost = isinstance(last, events.AttemptFailed) and last.failure.kind is FailureKind.LOST
        for command in commands:
            if isinstance(command, LaunchAttempt):
                assert is_lost or not self.world.state.is_paused, f"{command.path} was launched in a paused run"
                assert command.path not in self.done, f"{command.path} succeeded and was launched again"
                self._check_dependencies(self.world.state.nodes[command.path])

    def _check_dependencies(self, node: Node) -> None:
        current: Node | None = node
        while current is not None:
            if current.frame is not None and current.frame.group is not None and current.iteration is None:
                for key in current.spec.after:
                    assert current.frame.group.children[key].is_final
            current = current.parent

    def _check_group(self, node: Node) -> None:
        group = node.group
        if group is None:
            return
        children = list(group.children.values())
        if group.limit:
            assert sum(child.phase in _WORKING for child in children) <= group.limit
        if node.is_final:
            assert all(child.is_final for child in children)
        if node.phase is Phase.SUCCEEDED:
            assert all(child.phase in (Phase.SUCCEEDED, Phase.SKIPPED) for child in children)
        if node.phase is Phase.FAILED:
            assert node.error is not None


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
