"""Lines that steer a recorded flow from its user's shell: what they say, and that nothing of a run's values gets out of its quotes."""

from __future__ import annotations

import shlex

from penstock.web.flows.commands import FlowCommands, commands_of

GRAPH = {"decorators": [{"name": "pypi_base"}], "steps": {"start": {"decorators": []}}}


def lines(**changes: object) -> FlowCommands:
    given: dict[str, object] = {"script": "train.py", "step": "work", "values": {}, "has_code": False, "graph": None}
    return commands_of("TrainFlow/7", **{**given, **changes})  # type: ignore[arg-type]


def test_a_run_is_resumed_repeated_and_ended_by_its_own_ids() -> None:
    found = lines(values={"alpha": 0.75, "is-big": True, "options": {"a": [1]}, "words": "two words", "frame": None, "long": "x" * 500})
    assert found.resume == "python train.py resume --origin-run-id 7"
    assert found.resume_from == "python train.py resume work --origin-run-id 7"
    assert found.again == """python train.py run --alpha 0.75 --is-big True --options '{"a": [1]}' --words 'two words'"""
    assert found.left_out == ["frame", "long"]
    assert found.cancel == "kill -INT $(ps -o ppid= -p $(pgrep -f -- 'train.py .*--run-id 7( |$)' | head -n 1))"
    assert found.pull == ""


def test_what_a_flow_declares_as_config_is_given_to_the_flow_and_not_to_its_run() -> None:
    graph = {"parameters": [{"name": "alpha", "type": "Parameter"}, {"name": "cfg", "type": "Config"}], "steps": {}}
    found = lines(values={"alpha": 0.5, "cfg": {"x": [1]}, "name_text": "a"}, graph=graph)
    assert found.again == """python train.py --config-value cfg '{"x": [1]}' run --alpha 0.5 --name_text a"""
    assert found.unsure == ["name_text"], "the client does not tell how its option is written"


def test_flows_with_packages_name_their_environment_and_kept_code_is_fetched() -> None:
    found = lines(graph=GRAPH, has_code=True)
    assert found.resume == "python train.py --environment=pypi resume --origin-run-id 7"
    assert found.create == "python train.py --environment=pypi penstock create"
    conda = {"steps": {"start": {"decorators": [{"name": "conda"}]}}}
    both = {"steps": {"start": {"decorators": [{"name": "conda"}, {"name": "pypi"}]}}}
    assert "--environment=conda " in lines(graph=conda).resume
    assert "--environment=pypi " in lines(graph=both).resume
    assert found.pull == "metaflow code pull TrainFlow/7 --dir TrainFlow_7 && cd TrainFlow_7"


def test_names_that_clients_recorded_stay_words() -> None:
    found = commands_of(
        "F/a;rm -rf ~", script="-x.py; true", step="$(id)", values={"a": "`id`; $HOME", "b;c": "d"}, has_code=True, graph=None
    )
    assert shlex.split(found.again) == ["python", "./-x.py; true", "run", "--a", "`id`; $HOME", "--b;c", "d"]
    assert shlex.split(found.resume_from) == ["python", "./-x.py; true", "resume", "$(id)", "--origin-run-id", "a;rm -rf ~"]
    assert "$(id)" in shlex.split(found.resume_from)
    assert "'./-x.py; true .*--run-id a;rm\\ \\-rf\\ \\~( |$)'" in found.cancel
