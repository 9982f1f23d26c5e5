"""Store of sweeps. Methods block; each is one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from penstock.domain.sweeps import Suggestion, Sweep, SweepAgent, SweepTrial, TrialState


class SweepStore(Protocol):
    """Sweeps, trials, agents."""

    def add_sweep(self, sweep: Sweep) -> Sweep:
        """Store a new sweep; its id in the argument is ignored.

        Raises:
            AlreadyExistsError: the project has a sweep of this name.
        """
        ...

    def change_sweep(self, sweep_id: int, changes: Mapping[str, Any], *, at: float) -> Sweep:
        """Change columns of a sweep.

        Raises:
            NotFoundError: no such sweep.
        """
        ...

    def sweep(self, sweep_id: int) -> Sweep | None:
        """Return the sweep, or None."""
        ...

    def sweep_by_name(self, project_id: int, name: str) -> Sweep | None:
        """Return the sweep, or None."""
        ...

    def sweeps(self, project_id: int) -> Sequence[Sweep]:
        """Return a project's sweeps, newest first."""
        ...

    def delete_sweep(self, sweep_id: int) -> bool:
        """Remove a sweep with its trials and agents; runs stay. Whether it existed."""
        ...

    def add_agent(self, sweep_id: int, name: str, host: str, *, user_name: str, at: float) -> SweepAgent:
        """Store a new agent."""
        ...

    def agent(self, agent_id: int) -> SweepAgent | None:
        """Return the agent, or None."""
        ...

    def agents(self, sweep_id: int) -> Sequence[SweepAgent]:
        """Return a sweep's agents, oldest first."""
        ...

    def beat(self, agent_id: int, *, at: float) -> None:
        """Note that agent and sweep were heard of; an agent that had ended has not."""
        ...

    def end_agent(self, agent_id: int, *, at: float) -> None:
        """Note that an agent was told to exit."""
        ...

    def add_trial(self, sweep_id: int, position: int, run_name: str, agent_id: int, suggestion: Suggestion, *, at: float) -> bool:
        """Store a trial at `position` if that is still the sweep's next one; whether it was."""
        ...

    def trials(self, sweep_id: int) -> Sequence[SweepTrial]:
        """Return a sweep's trials in order."""
        ...

    def hand_out_again(self, sweep_id: int, run_name: str, agent_id: int, *, ended_at: float, at: float) -> bool:
        """Give a trial whose run was preempted at `ended_at` to an agent; False when it was handed out since then or is no trial."""
        ...

    def set_trial_state(self, sweep_id: int, run_name: str, state: TrialState) -> None:
        """Change a trial's state."""
        ...
