"""A flow's graph as a KFP PipelineSpec: each step is one task, a foreach is a loop over the numbers of its splits. Pure.

A step's task gets the paths of its parents' tasks and puts out its own (`<run>/<step>/<task>`) and, after a foreach step, the list of
split numbers. Steps between a foreach and its join are the loop's body; the join gets the list of paths that the loop collected.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

KFP_VERSION = "2.17.0"
FUNCTION = "flow_step"
_TYPES = {"float": "NUMBER_DOUBLE", "int": "NUMBER_INTEGER", "bool": "BOOLEAN", "str": "STRING"}

_ENSURE_PIP = (
    '\nif ! [ -x "$(command -v pip)" ]; then\n'
    "    python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip\nfi\n\n"
)
_START = (
    'program_path=$(mktemp -d)\n\nprintf "%s" "$0" > "$program_path/ephemeral_component.py"\n'
    '_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --component_module_path "$program_path/ephemeral_component.py" "$@"\n'
)


class UnsupportedFlowError(Exception):
    """The flow has a construct that the server cannot run."""


class StepWork:
    """What a step needs beside its place in the graph."""

    def __init__(
        self,
        source: str,
        requirements: List[str],
        python: str,
        retries: int,
        retry_seconds: int,
        variables: Dict[str, str],
        resources: Dict[str, Any],
    ) -> None:
        """Keep the program of the step's task and how to run it.

        Args:
            source: body of the program, with `{signature}` and `{inputs}` left open.
            requirements: packages of its environment.
            python: version of Python, `3.11`.
            retries: how often the task is tried again.
            retry_seconds: pause before that.
            variables: environment variables.
            resources: KFP resource fields.
        """
        self.source = source
        self.requirements = requirements
        self.python = python
        self.retries = retries
        self.retry_seconds = retry_seconds
        self.variables = variables
        self.resources = resources


class FlowParameter:
    """A `Parameter` of the flow, as a parameter of the pipeline."""

    def __init__(self, name: str, type_name: str, default: Any, has_default: bool, description: str) -> None:
        """Keep name, type (`str`, `int`, `float`, `bool`) and default."""
        self.name = name
        self.type_name = type_name
        self.default = default
        self.has_default = has_default
        self.description = description

    @property
    def identifier(self) -> str:
        """Name in the pipeline: a Python identifier."""
        return self.name.replace("-", "_")


def lower(graph: Any, name: str, work: Dict[str, StepWork], parameters: List[FlowParameter]) -> Dict[str, Any]:
    """Return the PipelineSpec of a flow.

    Raises:
        UnsupportedFlowError: the graph has a switch, `@parallel` or recursion.
    """
    check(graph)
    lowering = _Lowering(graph, work, parameters)
    tasks = lowering.scope(graph.start_step, None, is_body=False)
    definitions = {parameter.identifier: _definition(parameter) for parameter in parameters}
    root: Dict[str, Any] = {"dag": {"tasks": tasks}}
    if definitions:
        root["inputDefinitions"] = {"parameters": definitions}
    return {
        "pipelineInfo": {"name": re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:128] or "flow"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-" + KFP_VERSION,
        "root": root,
        "components": lowering.components,
        "deploymentSpec": {"executors": lowering.executors},
    }


def check(graph: Any) -> None:
    """Refuse what cannot be lowered.

    Raises:
        UnsupportedFlowError: with the step and the reason.
    """
    for node in graph:
        if node.type == "split-switch":
            raise UnsupportedFlowError("step *%s* switches; conditional steps run with `python flow.py run` only" % node.name)
        if node.parallel_foreach or node.parallel_step:
            raise UnsupportedFlowError("step *%s* uses @parallel, which this server does not run" % node.name)


def _definition(parameter: FlowParameter) -> Dict[str, Any]:
    found: Dict[str, Any] = {"parameterType": _TYPES.get(parameter.type_name, "STRING"), "description": parameter.description}
    if parameter.has_default:
        found["isOptional"] = True
        if parameter.default is not None:
            found["defaultValue"] = parameter.default
    return found


class _Lowering:
    def __init__(self, graph: Any, work: Dict[str, StepWork], parameters: List[FlowParameter]) -> None:
        self.graph = graph
        self.work = work
        self.parameters = parameters
        self.components: Dict[str, Any] = {}
        self.executors: Dict[str, Any] = {}

    def scope(self, first: str, stop: Optional[str], is_body: bool) -> Dict[str, Any]:
        """Tasks from `first` to before the join `stop`; the first task of a loop's body takes its parent from outside."""
        tasks: Dict[str, Any] = {}
        waiting = [first]
        while waiting:
            name = waiting.pop(0)
            if name in tasks or name == stop:
                continue
            node = self.graph[name]
            tasks[name] = self._step(node, is_first_of_body=is_body and name == first)
            if node.type == "foreach":
                tasks[loop_name(name)] = self._loop(node)
                waiting.append(node.matching_join)
            else:
                waiting.extend(node.out_funcs)
        return tasks

    def _step(self, node: Any, is_first_of_body: bool) -> Dict[str, Any]:
        inputs: Dict[str, Any] = {}
        definitions: Dict[str, Any] = {}
        after: List[str] = []
        if node.name == self.graph.start_step:
            for parameter in self.parameters:
                inputs[parameter.identifier] = {"componentInputParameter": parameter.identifier}
                definitions[parameter.identifier] = {**_definition(parameter), "isOptional": True}
        elif is_first_of_body:
            inputs["input_0"] = {"componentInputParameter": "parent_path"}
            inputs["split_index"] = {"componentInputParameter": "split_index"}
            definitions = {"input_0": {"parameterType": "STRING"}, "split_index": {"parameterType": "NUMBER_INTEGER"}}
        elif node.type == "join" and self.graph[node.split_parents[-1]].type == "foreach":
            producer = loop_name(node.split_parents[-1])
            inputs["paths"] = _output(producer, "path")
            definitions["paths"] = {"parameterType": "LIST"}
            after = [producer]
        else:
            for number, parent in enumerate(node.in_funcs):
                inputs["input_%d" % number] = _output(parent, "path")
                definitions["input_%d" % number] = {"parameterType": "STRING"}
                after.append(parent)
        self._component(node.name, definitions)
        work = self.work[node.name]
        task: Dict[str, Any] = {
            "taskInfo": {"name": node.name},
            "componentRef": {"name": "comp-" + node.name},
            "cachingOptions": {"enableCache": False},
            "inputs": {"parameters": inputs},
        }
        if after:
            task["dependentTasks"] = after
        if work.retries:
            task["retryPolicy"] = {
                "maxRetryCount": work.retries,
                "backoffDuration": "%ds" % work.retry_seconds,
                "backoffFactor": 1.0,
                "backoffMaxDuration": "%ds" % max(work.retry_seconds, 1),
            }
        return task

    def _component(self, step: str, definitions: Dict[str, Any]) -> None:
        work = self.work[step]
        names = list(definitions)
        signature = ", ".join("%s: %s = None" % (name, _annotation(definitions[name]["parameterType"])) for name in names)
        given = "{%s}" % ", ".join("%r: %s" % (name, name) for name in names)
        component: Dict[str, Any] = {
            "executorLabel": "exec-" + step,
            "outputDefinitions": {"parameters": {"path": {"parameterType": "STRING"}, "splits": {"parameterType": "LIST"}}},
        }
        if definitions:
            component["inputDefinitions"] = {"parameters": definitions}
        self.components["comp-" + step] = component
        container: Dict[str, Any] = {
            "image": "python:" + work.python,
            "command": [
                "sh",
                "-c",
                _install(work.requirements),
                "sh",
                "-ec",
                _START,
                work.source.replace("__SIGNATURE__", signature).replace("__GIVEN__", given),
            ],
            "args": ["--executor_input", "{{$}}", "--function_to_execute", FUNCTION],
            "env": [{"name": name, "value": value} for name, value in sorted(work.variables.items())],
        }
        if work.resources:
            container["resources"] = work.resources
        self.executors["exec-" + step] = {"container": container}

    def _loop(self, node: Any) -> Dict[str, Any]:
        name = loop_name(node.name)
        join = self.graph[node.matching_join]
        tasks = self.scope(node.out_funcs[0], node.matching_join, is_body=True)
        last = [parent for parent in join.in_funcs if parent in tasks]
        if len(last) != 1:
            raise UnsupportedFlowError("the join *%s* of a foreach needs exactly one step before it" % join.name)
        self.components["comp-" + name] = {
            "dag": {
                "tasks": tasks,
                "outputs": {"parameters": {"path": {"valueFromParameter": {"outputParameterKey": "path", "producerSubtask": last[0]}}}},
            },
            "inputDefinitions": {
                "parameters": {
                    "parent_path": {"parameterType": "STRING"},
                    "splits": {"parameterType": "LIST"},
                    "split_index": {"parameterType": "NUMBER_INTEGER"},
                }
            },
            "outputDefinitions": {"parameters": {"path": {"parameterType": "LIST"}}},
        }
        return {
            "taskInfo": {"name": name},
            "componentRef": {"name": "comp-" + name},
            "dependentTasks": [node.name],
            "inputs": {"parameters": {"parent_path": _output(node.name, "path"), "splits": _output(node.name, "splits")}},
            "parameterIterator": {"itemInput": "split_index", "items": {"inputParameter": "splits"}},
        }


def loop_name(step: str) -> str:
    """Name of the task that is the foreach of `step`."""
    return step + "-foreach"


def _output(task: str, key: str) -> Dict[str, Any]:
    return {"taskOutputParameter": {"producerTask": task, "outputParameterKey": key}}


def _annotation(parameter_type: str) -> str:
    return {"NUMBER_INTEGER": "int", "NUMBER_DOUBLE": "float", "BOOLEAN": "bool", "LIST": "list"}.get(parameter_type, "str")


def _install(requirements: List[str]) -> str:
    words = " ".join("'%s'" % requirement for requirement in requirements)
    pip = "python3 -m pip install --quiet --no-warn-script-location"
    own = " '--no-deps' 'kfp==%s'" % KFP_VERSION
    return '%sPIP_DISABLE_PIP_VERSION_CHECK=1 %s%s && %s %s && "$0" "$@"\n' % (_ENSURE_PIP, pip, own, pip, words)
