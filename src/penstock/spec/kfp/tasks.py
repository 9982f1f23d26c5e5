"""Tasks and outputs of a dag as `TaskSpec` and `OutputRule`: bindings, order, conditions, loops, retries, caching."""

from __future__ import annotations

import re

from penstock.domain.expr import Const, Expr
from penstock.domain.plan import ArtifactSource, CachePolicy, Iteration, OutputRule, RetryPolicy, TaskSpec, TriggerRule
from penstock.domain.states import TaskType
from penstock.spec.kfp import cel
from penstock.spec.kfp.bindings import lower_artifacts, lower_defaults, lower_items, lower_parameters, texts_of_attempt
from penstock.spec.kfp.definitions import INPUTS
from penstock.spec.kfp.graph import Pipeline, dependencies_of, is_graph
from penstock.spec.kfp.leaves import VOLUME_IMAGES
from penstock.spec.kfp.platform import TEXTS_OF_ATTEMPT, lower_platform, producers
from penstock.spec.kfp.section import Section

_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")
_GROUPS = (
    (re.compile(r"condition-branches-\d+"), TaskType.CONDITION_BRANCH),
    (re.compile(r"condition-\d+"), TaskType.CONDITION),
    (re.compile(r"exit-handler-\d+"), TaskType.EXIT_HANDLER),
)


def lower_task(pipeline: Pipeline, enclosing: Section, key: str, task: Section) -> TaskSpec:
    """Return task `key` of the dag of component `enclosing`.

    Raises:
        SpecError: a malformed binding, condition, iterator or policy.
    """
    template, component = pipeline.component_of(task)
    trigger = _trigger(task.section("triggerPolicy"))
    late = [] if is_graph(component) else texts_of_attempt(task)
    parameters = lower_parameters(task, late)
    if late:
        parameters[TEXTS_OF_ATTEMPT] = Const(late)
    parameters.update(lower_defaults(component.section(INPUTS), parameters))
    after = dependencies_of(task)
    if not is_graph(component):
        config = pipeline.platform_of(component.text("executorLabel"))
        parameters.update(lower_platform(config, enclosing.section(INPUTS).section("parameters").data))
        after |= producers(config)
    artifacts = lower_artifacts(task)
    return TaskSpec(
        key=key,
        template=template,
        display_name=task.section("taskInfo").text("name") or key,
        type=_type(pipeline, key, task, component),
        parameters=parameters,
        artifacts=artifacts,
        after=after,
        trigger=trigger,
        is_exit=trigger is TriggerRule.ALL_DONE and _is_exit(enclosing, task),
        condition=_condition(task.section("triggerPolicy"), component),
        iteration=_iteration(task, parameters, artifacts),
        retry=_retry(task.section("retryPolicy")),
        cache=_cache(pipeline, task, component),
    )


def lower_outputs(component: Section, kind: str) -> dict[str, OutputRule]:
    """Return the rules for the dag's outputs of `kind` (`parameters` or `artifacts`).

    Raises:
        SpecError: a malformed selector.

    Semantics: kfp protocol notes, section 4.5.
    """
    word = "outputParameterKey" if kind == "parameters" else "outputArtifactKey"
    rules: dict[str, OutputRule] = {}
    for name, output in component.section("dag").section("outputs").sections(kind):
        if kind == "artifacts":
            chosen = list(output.items("artifactSelectors"))
            is_one_of = len(chosen) > 1
        elif "valueFromParameter" in output:
            chosen, is_one_of = [output.section("valueFromParameter")], False
        else:
            chosen, is_one_of = list(output.section("valueFromOneof").items("parameterSelectors")), True
        choices = tuple((selector.required_text("producerSubtask"), selector.required_text(word)) for selector in chosen)
        rules[name] = OutputRule(choices=choices, is_one_of=is_one_of)
    return rules


def _trigger(policy: Section) -> TriggerRule:
    strategy = policy.text("strategy")
    if strategy in {"", "TRIGGER_STRATEGY_UNSPECIFIED", "ALL_UPSTREAM_TASKS_SUCCEEDED"}:
        return TriggerRule.ALL_SUCCEEDED
    if strategy == "ALL_UPSTREAM_TASKS_COMPLETED":
        return TriggerRule.ALL_DONE
    raise policy.error(f"unknown strategy {strategy!r}", "strategy")


def _condition(policy: Section, component: Section) -> Expr | None:
    text = policy.text("condition")
    if not text.strip():
        return None
    declared = component.section(INPUTS).sections("parameters")
    texts = {name for name, definition in declared if definition.text("parameterType") == "STRING"}
    return cel.parse_condition(text, place=policy.at("condition"), texts=texts)


def _is_exit(enclosing: Section, task: Section) -> bool:
    """Whether the task is the exit task of a handler rather than one that ignores failures.

    The SDK gives both the same strategy; an exit task waits for an `exit-handler-N` dag or takes a final status.
    """
    if any("taskFinalStatus" in binding for _, binding in task.section("inputs").sections("parameters")):
        return True
    tasks = enclosing.section("dag").section("tasks")
    exit_handler, _ = _GROUPS[2]
    return any(exit_handler.fullmatch(key) and key in tasks for key in dependencies_of(task))


def _type(pipeline: Pipeline, key: str, task: Section, component: Section) -> TaskType:
    if "parameterIterator" in task or "artifactIterator" in task:
        return TaskType.LOOP
    if not is_graph(component):
        return TaskType.IMPORTER if "importer" in pipeline.executor_of(component) else TaskType.RUNTIME
    for pattern, kind in _GROUPS:
        if pattern.fullmatch(key):
            return kind
    return TaskType.CONDITION if task.section("triggerPolicy").text("condition") else TaskType.DAG


def _iteration(task: Section, parameters: dict[str, Expr], artifacts: dict[str, tuple[ArtifactSource, ...]]) -> Iteration | None:
    limit = int(task.section("iteratorPolicy").number("parallelismLimit"))
    if "parameterIterator" in task:
        iterator = task.section("parameterIterator")
        items = iterator.section("items")
        expr = lower_items(items.text("raw"), task, items.at("raw")) if "raw" in items else parameters[items.text("inputParameter")]
        return Iteration(items=expr, item_input=iterator.required_text("itemInput"), parallelism=max(limit, 0))
    if "artifactIterator" in task:
        iterator = task.section("artifactIterator")
        source = artifacts[iterator.section("items").text("inputArtifact")][0]
        return Iteration(artifact_items=source, item_input=iterator.required_text("itemInput"), parallelism=max(limit, 0))
    return None


def _retry(policy: Section) -> RetryPolicy | None:
    count = int(policy.number("maxRetryCount"))
    if not policy.data:
        return None
    factor = policy.number("backoffFactor")
    longest = _seconds(policy, "backoffMaxDuration")
    return RetryPolicy(
        max_retries=max(count, 0),
        backoff_seconds=_seconds(policy, "backoffDuration") or 0.0,
        factor=factor if factor > 0 else 2.0,
        max_backoff_seconds=longest or 3600.0,
    )


def _seconds(policy: Section, key: str) -> float | None:
    text = policy.text(key)
    if not text:
        return None
    match = _DURATION.fullmatch(text)
    if match is None:
        raise policy.error(f"{text!r} is not a duration such as '3s'", key)
    return float(match.group(1))


def _cache(pipeline: Pipeline, task: Section, component: Section) -> CachePolicy:
    """Return the cache policy; only leaves that run a command reuse results.

    A deviation: upstream also caches the creation of volumes, which hands a run the volume that an earlier one deleted.
    """
    options = task.section("cachingOptions")
    is_enabled = options.flag("enableCache")
    if is_graph(component):
        return CachePolicy()
    container = pipeline.executor_of(component).section("container")
    if not container.data or container.text("image").partition(":")[0] in VOLUME_IMAGES:
        return CachePolicy()
    return CachePolicy(is_enabled=is_enabled, custom_key=options.text("cacheKey") or None)
