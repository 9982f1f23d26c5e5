"""A flow's graph as a KFP PipelineSpec: each step is one task, a foreach is a loop over the numbers of its splits. Pure.

A step's task gets the paths of its parents' tasks and puts out its own (`<run>/<step>/<task>`). Beside it puts out `splits`, after a
foreach step the numbers of its splits and after a `@parallel` step the paths of all its nodes, and `next`, after a switch the step chosen.

* Steps between a foreach and its join are the loop's body; the join gets the list of paths that the loop collected.
* A switch is a graph of its own: the switching step and, for each way, a graph on condition of `next`. Where the ways meet again, the path
  is that of the way that was taken, or of the switch itself when a way leads there directly. A switch that leads back to itself is such a
  graph that contains itself: Metaflow allows recursion of that kind only.
* A `@parallel` step is one task: Metaflow's own control task starts the other nodes beside itself.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

KFP_VERSION = "2.17.0"
FUNCTION = "flow_step"
PARAMETER = "parameter_"
"""Begins the names of the first step's inputs that are parameters, which may be called as what steps take (`paths`) or `lambda`."""
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


def lower(
    graph: Any, name: str, work: Dict[str, StepWork], parameters: List[FlowParameter], extra: Sequence[str] = ()
) -> Dict[str, Any]:
    """Return the PipelineSpec of a flow that is deployed as `name`; `extra` are text parameters of its runs that no step takes.

    Raises:
        UnsupportedFlowError: the graph is of a form that Metaflow's own checks do not allow.
    """
    lowering = _Lowering(graph, work, parameters)
    entry = {PARAMETER + parameter.identifier: {**_definition(parameter), "isOptional": True} for parameter in parameters}
    inputs = {PARAMETER + parameter.identifier: _input(parameter.identifier) for parameter in parameters}
    tasks, _ = lowering.scope(graph.start_step, None, _Entry(inputs, entry))
    definitions = {parameter.identifier: _definition(parameter) for parameter in parameters}
    definitions.update({name: {"parameterType": "STRING", "isOptional": True} for name in extra})
    root: Dict[str, Any] = {"dag": {"tasks": tasks}}
    if definitions:
        root["inputDefinitions"] = {"parameters": definitions}
    return {
        "pipelineInfo": {"name": pipeline_name(name)},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-" + KFP_VERSION,
        "root": root,
        "components": lowering.components,
        "deploymentSpec": {"executors": lowering.executors},
    }


def pipeline_name(deployment: str) -> str:
    """Name of the pipeline of a deployment: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", deployment.lower()).strip("-")[:128] or "flow"


def _definition(parameter: FlowParameter) -> Dict[str, Any]:
    found: Dict[str, Any] = {"parameterType": _TYPES.get(parameter.type_name, "STRING"), "description": parameter.description}
    if parameter.has_default:
        found["isOptional"] = True
        if parameter.default is not None:
            found["defaultValue"] = parameter.default
    return found


class _Entry:
    """What the next step of a scope takes: bindings, what they are declared as, and the tasks that it waits for."""

    def __init__(self, inputs: Dict[str, Any], definitions: Dict[str, Any], after: Optional[List[str]] = None) -> None:
        self.inputs = inputs
        self.definitions = definitions
        self.after = after or []

    @classmethod
    def of_paths(cls, producers: List[str]) -> "_Entry":
        """Take the path of each producer."""
        names = ["input_%d" % number for number in range(len(producers))]
        inputs = {name: _output(producer, "path") for name, producer in zip(names, producers)}
        return cls(inputs, {name: {"parameterType": "STRING"} for name in names}, list(producers))

    @classmethod
    def of_list(cls, producer: str, key: str) -> "_Entry":
        """Take a list of paths of one producer."""
        return cls({"paths": _output(producer, key)}, {"paths": {"parameterType": "LIST"}}, [producer])


class _Lowering:
    def __init__(self, graph: Any, work: Dict[str, StepWork], parameters: List[FlowParameter]) -> None:
        self.graph = graph
        self.work = work
        self.parameters = parameters
        self.components: Dict[str, Any] = {}
        self.executors: Dict[str, Any] = {}

    def scope(self, first: str, stop: Optional[str], entry: _Entry) -> Tuple[Dict[str, Any], str]:
        """Tasks from `first` to before the step `stop`, and the task whose path goes on to it."""
        tasks: Dict[str, Any] = {}
        name, last = first, ""
        while name != stop:
            node = self.graph[name]
            following = node.out_funcs
            if node.type == "split-switch":
                last = switch_name(name)
                name = self._meeting(name)
                tasks[last] = self._switch(node, name, entry)
                entry = _Entry.of_paths([last])
                continue
            tasks[name] = self._step(node, entry)
            last = name
            if node.type == "foreach" and node.parallel_foreach:
                last = following[0]
                tasks[last] = self._step(self.graph[last], _Entry.of_paths([name]))
                name, entry = node.matching_join, _Entry.of_list(last, "splits")
            elif node.type == "foreach":
                last = loop_name(name)
                tasks[last] = self._loop(node)
                name, entry = node.matching_join, _Entry.of_list(last, "path")
            elif node.type in ("split", "split-static") or len(following) > 1:
                ends = []
                for branch in following:
                    inner, end = self.scope(branch, node.matching_join, _Entry.of_paths([name]))
                    tasks.update(inner)
                    ends.append(end)
                name, entry = node.matching_join, _Entry.of_paths(ends)
            elif following:
                name, entry = following[0], _Entry.of_paths([name])
            else:
                break
        return tasks, last

    def _meeting(self, switch: str) -> str:
        """The first step behind a switch through which every way to the flow's end leads."""
        behind = self._reached(switch, set())
        ends = {name for name in behind if not self.graph[name].out_funcs}
        needed = {name for name in behind - {switch} if not (ends - {name}) & self._reached(switch, {name})}
        return next(iter(needed & self._reached(switch, needed)))

    def _reached(self, start: str, blocked: Set[str]) -> Set[str]:
        """Steps behind `start`, going on from none that is `blocked`."""
        found: Set[str] = set()
        waiting = [start]
        while waiting:
            for name in self.graph[waiting.pop()].out_funcs:
                if name not in found:
                    found.add(name)
                    if name not in blocked:
                        waiting.append(name)
        return found

    def _switch(self, node: Any, meeting: str, entry: _Entry) -> Dict[str, Any]:
        """The task of a switch: the switching step and its ways."""
        name = switch_name(node.name)
        is_recursive = node.name in node.out_funcs
        definitions = dict(entry.definitions)
        if is_recursive:  # what the first round takes beside a path, later rounds do not have
            definitions = {key: {**definition, "isOptional": True} for key, definition in definitions.items()}
            definitions.setdefault("input_0", {"parameterType": "STRING", "isOptional": True})
        inside = _Entry({key: _input(key) for key in definitions}, definitions)
        tasks = {node.name: self._step(node, inside)}
        ends = []
        for way in sorted(set(node.out_funcs) - {meeting}):
            key = "%s-to-%s" % (node.name, way)
            if way != node.name:
                self._way(key, way, meeting)
            tasks[key] = {
                "taskInfo": {"name": key},
                "componentRef": {"name": "comp-" + (name if way == node.name else key)},
                "dependentTasks": [node.name],
                "inputs": {"parameters": {"input_0": _output(node.name, "path"), "next": _output(node.name, "next")}},
                "triggerPolicy": {"condition": "inputs.parameter_values['next'] == '%s'" % way},
            }
            ends.append(key)
        selectors = [{"producerSubtask": end, "outputParameterKey": "path"} for end in [*ends, node.name]]
        self.components["comp-" + name] = {
            "dag": {"tasks": tasks, "outputs": {"parameters": {"path": {"valueFromOneof": {"parameterSelectors": selectors}}}}},
            "inputDefinitions": {"parameters": {**definitions, "next": {"parameterType": "STRING", "isOptional": True}}},
            "outputDefinitions": {"parameters": {"path": {"parameterType": "STRING"}}},
        }
        task: Dict[str, Any] = {
            "taskInfo": {"name": name},
            "componentRef": {"name": "comp-" + name},
            "inputs": {"parameters": entry.inputs},
        }
        return {**task, "dependentTasks": entry.after} if entry.after else task

    def _way(self, key: str, first: str, stop: str) -> None:
        """The graph of one way of a switch."""
        given = {"input_0": {"parameterType": "STRING"}}
        tasks, last = self.scope(first, stop, _Entry({"input_0": _input("input_0")}, given))
        self.components["comp-" + key] = {
            "dag": {
                "tasks": tasks,
                "outputs": {"parameters": {"path": {"valueFromParameter": {"outputParameterKey": "path", "producerSubtask": last}}}},
            },
            "inputDefinitions": {"parameters": {**given, "next": {"parameterType": "STRING"}}},
            "outputDefinitions": {"parameters": {"path": {"parameterType": "STRING"}}},
        }

    def _step(self, node: Any, entry: _Entry) -> Dict[str, Any]:
        self._component(node.name, entry.definitions)
        work = self.work[node.name]
        task: Dict[str, Any] = {
            "taskInfo": {"name": node.name},
            "componentRef": {"name": "comp-" + node.name},
            "cachingOptions": {"enableCache": False},
            "inputs": {"parameters": entry.inputs},
        }
        if entry.after:
            task["dependentTasks"] = entry.after
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
            "outputDefinitions": {
                "parameters": {
                    "path": {"parameterType": "STRING"},
                    "splits": {"parameterType": "LIST"},
                    "next": {"parameterType": "STRING"},
                }
            },
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
        given = {"input_0": {"parameterType": "STRING"}, "split_index": {"parameterType": "NUMBER_INTEGER"}}
        bindings = {"input_0": _input("parent_path"), "split_index": _input("split_index")}
        tasks, last = self.scope(node.out_funcs[0], node.matching_join, _Entry(bindings, given))
        self.components["comp-" + name] = {
            "dag": {
                "tasks": tasks,
                "outputs": {"parameters": {"path": {"valueFromParameter": {"outputParameterKey": "path", "producerSubtask": last}}}},
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


def switch_name(step: str) -> str:
    """Name of the task that is the switch of `step` with its ways."""
    return step + "-switch"


def _input(name: str) -> Dict[str, Any]:
    return {"componentInputParameter": name}


def _output(task: str, key: str) -> Dict[str, Any]:
    return {"taskOutputParameter": {"producerTask": task, "outputParameterKey": key}}


def _annotation(parameter_type: str) -> str:
    return {"NUMBER_INTEGER": "int", "NUMBER_DOUBLE": "float", "BOOLEAN": "bool", "LIST": "list"}.get(parameter_type, "str")


def _install(requirements: List[str]) -> str:
    words = " ".join("'%s'" % requirement for requirement in requirements)
    pip = "python3 -m pip install --quiet --no-warn-script-location"
    own = " '--no-deps' 'kfp==%s'" % KFP_VERSION
    return '%sPIP_DISABLE_PIP_VERSION_CHECK=1 %s%s && %s %s && "$0" "$@"\n' % (_ENSURE_PIP, pip, own, pip, words)
