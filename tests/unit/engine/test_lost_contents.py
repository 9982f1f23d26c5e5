"""Retry of a run of which artifacts are gone: what is needed again is made again, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.domain.artifacts import ArtifactRef, ArtifactType
from penstock.domain.expr import Const
from penstock.domain.ids import ArtifactId, Digest, RunId
from penstock.domain.plan import ArtifactSpec, Iteration
from penstock.engine import events
from penstock.engine.core import apply
from penstock.testing.scripted_executor import Outcome, failing
from tests.support.engines import Engine
from tests.support.plans import flat, forward, from_task, graph, leaf, plan, task
from tests.support.play import FAIL, Play

MAKER = leaf("maker", artifacts={"d": ArtifactSpec("d", is_optional=True)}, output_artifacts=["a", "b"])
USER = leaf("user", artifacts={"d": ArtifactSpec("d", is_list=True)})


def made(number: int, content: str) -> ArtifactRef:
    """An artifact with a content of that name."""
    return ArtifactRef(ArtifactId(number), "a", ArtifactType("system.Dataset"), f"minio://{number}", {}, Digest(f"sha256:{content}"))


def giving(**contents: str) -> Mapping[str, Any]:
    """Outputs with artifacts of these contents."""
    return {name: (made(100 + len(content), content),) for name, content in contents.items()}


def retried(play: Play, *lost: str) -> list[str]:
    """Names of the tasks that a retry executes."""
    play.requests.clear()
    play.world.send(events.RetryRequested(5000.0, tuple(Digest(f"sha256:{content}") for content in lost)))
    play.to_end()
    return [request.task_path.removeprefix("root/") for request in play.requests]


def test_who_made_what_is_needed_and_gone_runs_again_and_says_why() -> None:
    play = Play(
        flat(
            task("load", "maker"), task("clean", "maker", artifacts={"d": from_task("load", "a")}), task("other", "maker"),
            task("train", "user", artifacts={"d": from_task("clean", "a")}), templates=[MAKER, USER],
        ),
        {"load": giving(a="l"), "clean": giving(a="cc", b="bbb"), "other": giving(a="oooo"), "train": [FAIL, FAIL, FAIL, {}]},
    ).to_end()  # fmt: skip
    assert retried(play) == ["train"]
    assert retried(play, "oooo", "bbb", "l") == ["train"]
    lost = tuple(Digest(f"sha256:{content}") for content in ("cc", "l", "oooo"))
    apply(play.world.state, events.RetryRequested(5000.0, lost))
    said = {note.task_id: (note.kind, note.text) for note in play.world.state.take_changes().notes}
    assert said == {
        play.node("load").task_id: ("remade", "runs again: its output `a` is gone, and `clean` needs it"),
        play.node("clean").task_id: ("remade", "runs again: its output `a` is gone, and `train` needs it"),
    }
    play.requests.clear()
    assert [request.task_path for request in play.to_end().requests] == ["root/load", "root/clean", "root/train"]
    assert play.states()["root"] == "SUCCEEDED"


def test_what_a_group_or_an_iteration_made_is_made_again_inside_of_it() -> None:
    body = graph("body", task("w", "maker"), task("v", "maker"), output_artifacts={"a": forward("w", "a")})
    play = Play(
        plan(
            graph(
                "root", task("in", "body"), task("loop", "body", iteration=Iteration(items=Const([1, 2, 3]))),
                task("use", "user", artifacts={"d": (*from_task("in", "a"), *from_task("loop", "a"))}),
                task("late", "user", artifacts={"d": from_task("loop", "a")}),
            ),
            body, MAKER, USER,
        ),
        {
            "w": lambda request: giving(a="x" * (1 + len(request.task_path))) if "[" not in request.task_path else {"a": (made(request.iteration_index, f"i{request.iteration_index}"),)},
            "v": giving(a="never"), "use": [FAIL, FAIL, {}], "late": [FAIL, FAIL, {}],
        },
    ).to_end()  # fmt: skip
    assert sorted(retried(play, "i1", "never")) == ["late", "loop[1]/w", "use"]
    lost = [ref.digest for ref in play.node("in").outputs.artifacts["a"]]
    assert sorted(retried(play, str(lost[0]).removeprefix("sha256:"))) == ["in/w", "late", "use"]
    assert play.states()["root"] == "SUCCEEDED"


async def test_the_driver_asks_which_contents_are_there_and_the_retried_run_succeeds(engine: Engine) -> None:
    engine.executor.scripts["a"] = Outcome(artifacts={"a": (made(7, "first"),)})
    engine.executor.scripts["b"] = failing("boom")
    chain = flat(task("a", "maker"), task("b", "user", artifacts={"d": from_task("a", "a")}), templates=[MAKER, USER])
    assert (await engine.run(chain))["state"] == "FAILED"
    engine.executor.scripts["a"] = Outcome(artifacts={"a": (made(8, "second"),)})
    engine.executor.scripts["b"] = Outcome()
    engine.missing_blobs.add(Digest("sha256:first"))
    engine.notifier.forget("run-1")
    await engine.driver.retry(RunId("run-1"))
    assert (await engine.finished())["state"] == "SUCCEEDED"
    assert engine.executor.launched() == ["root/a", "root/b", "root/a", "root/b"]
    assert engine.executor.requests[-1].artifacts["d"][0].digest == "sha256:second"
