"""Checks that a pipeline document hangs together before it is lowered.

Each check raises `SpecError` at the exact place: components and executors resolve, inputs and outputs name something that is
declared, iterators have their input, no graph has a cycle and no component contains itself
unless a condition can end that. Types are not checked here; the
SDK's declarations of graph outputs are unreliable (kfp protocol notes, section 4.2).
"""

from __future__ import annotations

from penstock.domain.errors import SpecError
from penstock.spec.kfp.definitions import INPUTS, OUTPUTS
from penstock.spec.kfp.document import Document
from penstock.spec.kfp.graph import ROOT, Pipeline, dependencies_of, is_graph, producer_inputs
from penstock.spec.kfp.section import Section

_KINDS = ("container", "importer")


def validate(document: Document) -> None:
    """Check the whole document.

    Raises:
        SpecError: the first fault found, with its place.
    """
    pipeline = Pipeline(document)
    for name, component in pipeline.components():
        if is_graph(component):
            _check_graph(pipeline, component)
        elif name == ROOT:
            raise component.error("the root has to be a dag")
        else:
            _check_executor(pipeline.executor_of(component))
    _check_nesting(pipeline)


def _check_executor(executor: Section) -> None:
    for kind in _KINDS:
        if kind in executor:
            if kind == "container":
                executor.section(kind).required_text("image")
            else:
                _check_importer_uri(executor.section(kind).section("artifactUri"))
            return
    found = ", ".join(executor.data) or "nothing"
    raise executor.error(f"expected a container or an importer, found {found}")


def _check_importer_uri(uri: Section) -> None:
    """The SDK writes its own note of a channel into the URI when an f-string quotes one (observed with kfp 2.7.0 and 2.17.0)."""
    if "{{channel:" in uri.text("constant"):
        message = "the SDK cannot compile an f-string here: let a component return the whole URI, or take it from a pipeline input"
        raise uri.error(message, "constant")


def _check_graph(pipeline: Pipeline, component: Section) -> None:
    tasks = dict(component.section("dag").sections("tasks"))
    if not tasks and "tasks" not in component.section("dag"):
        message = "the dag has no tasks; the SDK mixes up the groups of a pipeline and of one called in it when they are numbered alike"
        raise component.section("dag").error(message, "tasks")
    for task in tasks.values():
        pipeline.component_of(task)
        _check_order(task, tasks)
        _check_inputs(pipeline, component, task, tasks)
        _check_iterator(task)
    _check_cycles(tasks)
    _check_outputs(pipeline, component, tasks)


def _check_order(task: Section, tasks: dict[str, Section]) -> None:
    for index, key in enumerate(task.sequence("dependentTasks")):
        if not isinstance(key, str) or key not in tasks:
            raise task.error(f"no task {key!r} in this dag", f"dependentTasks[{index}]")


def _check_inputs(pipeline: Pipeline, component: Section, task: Section, tasks: dict[str, Section]) -> None:
    inputs = task.section("inputs")
    for kind, word in (("parameters", "componentInputParameter"), ("artifacts", "componentInputArtifact")):
        declared = component.section(INPUTS).section(kind)
        for _, binding in inputs.sections(kind):
            name = binding.text(word)
            if name and name not in declared:
                raise binding.error(f"the enclosing dag has no input {name!r}", word)
    for selector, kind, key in producer_inputs(task):
        producer = selector.required_text("producerTask")
        if producer not in tasks:
            raise selector.error(f"no task {producer!r} in this dag", "producerTask")
        if kind != "status":
            _check_output_of(pipeline, selector, tasks[producer], kind, key)


def _check_output_of(pipeline: Pipeline, selector: Section, producer: Section, kind: str, key: str) -> None:
    name, component = pipeline.component_of(producer)
    if key not in component.section(OUTPUTS).section(kind):
        word = "outputParameterKey" if kind == "parameters" else "outputArtifactKey"
        raise selector.error(f"component {name!r} has no output {key!r} among its {kind}{_advice(key)}", word)


def _advice(key: str) -> str:
    """Return what helps where the SDK compiles a OneOf away: it does so when nothing but a loop or a text takes it."""
    return "; the SDK left out this dsl.OneOf: hand it to a component first, and loop over that one's output" if "-oneof-" in key else ""


def _check_iterator(task: Section) -> None:
    for word, kind in (("parameterIterator", "parameters"), ("artifactIterator", "artifacts")):
        if word not in task:
            continue
        iterator = task.section(word)
        iterator.required_text("itemInput")
        items = iterator.section("items")
        field = "inputParameter" if kind == "parameters" else "inputArtifact"
        if kind == "parameters" and "raw" in items:
            items.text("raw")
            continue
        name = items.required_text(field)
        if name not in task.section("inputs").section(kind):
            raise items.error(f"the task has no input {name!r} among its {kind}", field)


def _check_outputs(pipeline: Pipeline, component: Section, tasks: dict[str, Section]) -> None:
    outputs = component.section("dag").section("outputs")
    for _, output in outputs.sections("parameters"):
        chosen = [output.section("valueFromParameter")] if "valueFromParameter" in output else []
        chosen += output.section("valueFromOneof").items("parameterSelectors")
        if not chosen:
            raise output.error("expected valueFromParameter or valueFromOneof")
        for selector in chosen:
            _check_selector(pipeline, selector, tasks, "parameters", "outputParameterKey")
    for _, output in outputs.sections("artifacts"):
        for selector in output.items("artifactSelectors"):
            _check_selector(pipeline, selector, tasks, "artifacts", "outputArtifactKey")


def _check_selector(pipeline: Pipeline, selector: Section, tasks: dict[str, Section], kind: str, word: str) -> None:
    producer = selector.required_text("producerSubtask")
    if producer not in tasks:
        raise selector.error(f"no task {producer!r} in this dag", "producerSubtask")
    _check_output_of(pipeline, selector, tasks[producer], kind, selector.required_text(word))


def _check_cycles(tasks: dict[str, Section]) -> None:
    waiting = {key: dependencies_of(task) for key, task in tasks.items()}
    while waiting:
        ready = [key for key, needs in waiting.items() if not any(need in waiting for need in needs)]
        if not ready:
            key = _on_cycle(waiting)
            raise tasks[key].error(f"the task depends on itself through {', '.join(sorted(k for k in waiting if k != key)) or key}")
        for key in ready:
            del waiting[key]


def _on_cycle(waiting: dict[str, frozenset[str]]) -> str:
    """Return a task that really is on a cycle, not only behind one."""
    key = min(waiting)
    seen: set[str] = set()
    while key not in seen:
        seen.add(key)
        key = min(need for need in waiting[key] if need in waiting)
    return key


def _check_nesting(pipeline: Pipeline) -> None:
    inside: list[str] = []
    done: set[str] = set()

    def visit(name: str, component: Section) -> None:
        if name in inside:
            raise SpecError(f"the component contains itself: {' > '.join([*inside, name])}", place=component.place)
        if name in done or not is_graph(component):
            return
        inside.append(name)
        for _, task in component.section("dag").sections("tasks"):
            target, found = pipeline.component_of(task)
            if target not in inside or not task.section("triggerPolicy").text("condition"):  # a condition ends a recursion
                visit(target, found)
        inside.pop()
        done.add(name)

    visit(f"<{ROOT}>", pipeline.document.pipeline.section("root"))
