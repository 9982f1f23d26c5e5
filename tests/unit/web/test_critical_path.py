"""The critical path: backwards along the plan's edges, by times without a plan, with shares that add up."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from penstock.domain.ids import RunId, TaskPath, task_id_for
from penstock.domain.plan import RunPlan
from penstock.web.graphs.critical_path import CriticalPath, critical_path, group_ids
from tests.browser.app import SeededApp
from tests.unit.web.conftest import PageClient
from tests.unit.web.test_graph_folding import plan_of


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf task with its times."""

    path: str
    started_at: float | None
    finished_at: float | None

    @property
    def task_id(self) -> str:
        """Its path serves as id."""
        return self.path

    @property
    def display_name(self) -> str:
        """Its key."""
        return self.path.rpartition("/")[2]


def leaf(key: str, start: float | None, end: float | None) -> Leaf:
    return Leaf(f"root/{key}", start, end)


def plan(after: dict[str, list[str]]) -> RunPlan:
    return plan_of(after, dict.fromkeys(after, "work"))


def names(path: CriticalPath) -> list[str]:
    return [step.name for step in path.steps]


DIAMOND = {"load": [], "short": ["load"], "long": ["load"], "other": [], "join": ["short", "long"]}


def test_of_two_branches_the_one_that_ended_last_is_on_the_path_and_strangers_are_not() -> None:
    tasks = [leaf("load", 1, 2), leaf("short", 2, 3), leaf("long", 2, 6), leaf("other", 0, 6.9), leaf("join", 7, 10)]
    path = critical_path(tasks, plan(DIAMOND), start=0, end=10)
    assert names(path) == ["load", "long", "join"]
    assert [step.seconds for step in path.steps] == [1, 4, 3]
    assert [step.waited for step in path.steps] == [1, 0, 1]
    assert path.total_seconds == 10
    assert path.waited_share == pytest.approx(0.2)
    assert path.task_ids == {"root/load", "root/long", "root/join"}


def test_without_a_plan_times_alone_decide() -> None:
    tasks = [leaf("load", 1, 2), leaf("short", 2, 3), leaf("long", 2, 6), leaf("other", 0, 6.9), leaf("join", 7, 10)]
    assert names(critical_path(tasks, None, start=0, end=10)) == ["other", "join"]


def test_a_task_that_never_started_stands_for_what_it_waited_for() -> None:
    after = {"load": [], "skipped": ["load"], "last": ["skipped"]}
    tasks = [leaf("load", 0, 4), leaf("skipped", None, None), leaf("last", 4, 6)]
    assert names(critical_path(tasks, plan(after), start=0, end=6)) == ["load", "last"]


def test_a_task_that_still_runs_ends_now() -> None:
    tasks = [leaf("load", 0, 4), leaf("long", 4, None), leaf("short", 4, 5)]
    path = critical_path(tasks, plan(DIAMOND), start=0, end=20)
    assert names(path) == ["load", "long"]
    assert path.steps[-1].share == pytest.approx(0.8)


def test_tasks_without_length_do_not_make_a_ring_and_nothing_is_a_path_of_nothing() -> None:
    tasks = [leaf(f"t{n}", 5, 5) for n in range(4)]
    after = {f"t{n}": [f"t{n - 1}"] if n else [] for n in range(4)}
    assert len(critical_path(tasks, None, start=0, end=5).steps) == 1
    assert names(critical_path(tasks, plan(after), start=0, end=5))[-1] == "t0"
    assert critical_path([leaf("t0", None, None)], None, start=0, end=5) == CriticalPath()


def test_groups_of_a_task_are_its_scopes_with_loop_and_iteration() -> None:
    wanted = ["root", "root/loop", "root/loop[3]"]
    assert group_ids("r", "root/loop[3]/train") == [task_id_for(RunId("r"), TaskPath(place)) for place in wanted]


def test_the_path_of_a_run_leads_through_its_loop(seeded: SeededApp, client: PageClient) -> None:
    run_id = seeded.runs["good"]
    found = client.get(f"/ui/runs/{run_id}/path").json()
    keys = [step["name"] for step in found["steps"]]
    assert keys[:2] == ["load-digits", "preprocess"]
    assert "evaluate" in keys
    train = next(step for step in found["steps"] if step["name"] == "train-model")
    assert task_id_for(RunId(run_id), TaskPath("root/exit-handler-1/for-loop-2")) in train["groups"]
    assert sum(step["share"] for step in found["steps"]) + found["waited_share"] == pytest.approx(1)
    assert client.get("/ui/runs/none/path").status_code == 404


def test_the_timeline_marks_the_path_only_when_asked(seeded: SeededApp, client: PageClient) -> None:
    address = f"/ui/runs/{seeded.runs['good']}?view=timeline"
    plain, marked = client.get(address).text, client.get(f"{address}&path=1").text
    assert "is-on-path" not in plain
    assert "is-dim" not in plain
    assert marked.count("is-on-path") == len(client.get(f"/ui/runs/{seeded.runs['good']}/path").json()["steps"])
    assert 'aria-checked="true"' in marked
