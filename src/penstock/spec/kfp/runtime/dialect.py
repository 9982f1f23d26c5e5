"""`KfpDialect`: what KFP does for an attempt, in both directions."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from penstock.domain.errors import TaskError
from penstock.domain.execution import (
    AttemptLayout,
    FailureKind,
    LaunchRequest,
    ParsedOutputs,
    ProcessSpec,
    PythonTask,
    RawOutputs,
    Resources,
)
from penstock.domain.plan import ContainerWork, VolumeWork
from penstock.interfaces.dialect import SecretLookup
from penstock.spec.kfp.placeholders import structure_of
from penstock.spec.kfp.platform import TEXTS_OF_ATTEMPT
from penstock.spec.kfp.runtime.commands import Resolver, check_argument_sizes
from penstock.spec.kfp.runtime.environment import environment_request, pause_warnings, task_variables
from penstock.spec.kfp.runtime.executor_input import Prepared, prepare_input
from penstock.spec.kfp.runtime.outputs import parse_outputs
from penstock.spec.kfp.runtime.pod import Pod, prepare_pod
from penstock.spec.kfp.runtime.pod_config import PodConfig
from penstock.spec.kfp.runtime.python_component import PythonComponent, is_containerized, recognize
from penstock.spec.kfp.runtime.resources import resolve_resources
from penstock.spec.kfp.runtime.task_config import RESOURCES, Passthroughs, injected_task_config
from penstock.spec.kfp.runtime.volumes import prepare_volume
from penstock.spec.kfp.runtime.wandb_source import mend_work
from penstock.spec.shells import with_shell_of
from penstock.spec.variables import expand


class KfpDialect:
    """Implements `interfaces.dialect.Dialect` for pipelines of the KFP SDK. Stateless."""

    def prepare(self, request: LaunchRequest, layout: AttemptLayout, secrets: SecretLookup) -> ProcessSpec:
        """Resolve one attempt; see the protocol.

        Raises:
            TaskError: an input is missing or of the wrong type, a placeholder names nothing, a required secret is absent, an argument is
                longer than the operating system takes.
        """
        work = request.template.work
        if isinstance(work, VolumeWork):
            return prepare_volume(request, work, prepare_input(request, layout, {}))
        if not isinstance(work, ContainerWork):
            raise TaskError("an importer runs no command", kind=FailureKind.SYSTEM)
        config = PodConfig.of(work.platform, request)
        prepared = prepare_input(request, layout, {})
        resolver = Resolver(request, prepared)
        injected = {**injected_task_config(request, work, config, resolver), **_texts_of_attempt(request, resolver)}
        if injected:
            prepared = prepare_input(request, layout, injected)
        resolver = Resolver(request, prepared)
        pod = prepare_pod(Passthroughs.of(request).platform(work.platform), request, layout, resolver, secrets)
        return _container(request, work, prepared, resolver, pod)

    def parse_outputs(self, request: LaunchRequest, spec: ProcessSpec, raw: RawOutputs) -> ParsedOutputs:
        """Read the outputs of a successful attempt; see the protocol.

        Raises:
            TaskError: an output is missing, malformed, of the wrong type or outside its place.
        """
        return parse_outputs(request, spec, raw)


def _texts_of_attempt(request: LaunchRequest, resolver: Resolver) -> dict[str, str]:
    """Return the constants that ask for what this attempt has; `{{$}}` among them is the input in which they are still as written."""
    return {name: resolver.text(request.parameters[name]) for name in request.parameters.get(TEXTS_OF_ATTEMPT) or ()}


def _container(request: LaunchRequest, work: ContainerWork, prepared: Prepared, resolver: Resolver, pod: Pod) -> ProcessSpec:
    work, warnings = mend_work(work)
    component = recognize(work.command, work.args)
    env = {**task_variables(request), **_author_variables(request, work, resolver, pod), **pod.env}
    written = (*work.command, *work.args)
    argv = tuple(resolver.arguments(written if component else _with_variables(written, {**env, **pod.secret_env})))
    _check_start(work, component, argv, {**env, **pod.secret_env})
    image = resolver.text(work.image)
    passthroughs = Passthroughs.of(request)
    resources = resolve_resources(work.resources, resolver.text) if passthroughs.applies(RESOURCES) else Resources()
    return ProcessSpec(
        argv=argv if component else with_shell_of(image, argv),
        env=env,
        secret_env=pod.secret_env,
        python=None if component is None else _python_task(component, resolver),
        environment=environment_request(component, image, request.run.sdk_version),
        image=image,
        resources=resources,
        staged=prepared.staged,
        absent=prepared.absent,
        directories=(*prepared.directories, *_workspace(prepared, (*argv, *env.values()))),
        mounts=pod.mounts,
        init=pod.init,
        output_parameters=prepared.output_parameters,
        output_artifacts=prepared.output_artifacts,
        executor_output=prepared.executor_output,
        path_prefixes=prepared.places.prefixes(),
        deadline_seconds=request.template.deadline_seconds,
        warnings=(*pod.warnings, *pause_warnings(env), *warnings),
        needs_cold_start=resources.accelerator_count > 0,
    )


def _workspace(prepared: Prepared, texts: Iterable[str]) -> tuple[PurePosixPath, ...]:
    """Return the run's workspace when the task was told of it; the others need not find it."""
    path = str(prepared.places.workspace)
    return (prepared.places.workspace,) if any(path in text for text in texts) else ()


def _author_variables(request: LaunchRequest, work: ContainerWork, resolver: Resolver, pod: Pod) -> dict[str, str]:
    """Return the variables of the component; a value may refer to those before it (`$(NAME)`), as in a pod."""
    found: dict[str, str] = {}
    if Passthroughs.of(request).applies("ENV"):
        known = ChainMap(found, {**task_variables(request), **pod.secret_env, **pod.env})
        for name, value in work.env:
            found[name] = "".join(resolver.arguments(_with_variables([value], known)))
    return found


def _with_variables(written: Iterable[Any], variables: Mapping[str, str]) -> list[Any]:
    """Replace `$(NAME)` in what the author wrote, before any data stands in it: what a pod's command would be."""
    return [expand(each, variables) if isinstance(each, str) and structure_of(each) is None else each for each in written]


def _python_task(component: PythonComponent, resolver: Resolver) -> PythonTask:
    return PythonTask(
        source=resolver.text(component.source),
        function=component.function,
        module=component.module,
        executor_input=resolver.executor_input(),
        runtime_mode=component.runtime_mode,
    )


def _check_start(work: ContainerWork, component: PythonComponent | None, argv: tuple[str, ...], env: Mapping[str, str]) -> None:
    """Check what would make the start fail with a message that helps nobody.

    Source and ExecutorInput of a recognised component go by file, so its arguments may be of any length.
    """
    if not argv:
        message = f"the component has no command; the entry point of image {work.image!r} can run in a container only"
        raise TaskError(message, kind=FailureKind.START)
    if is_containerized(work.command):
        message = f"the code of this component is inside its image {work.image!r}, which can run in a container only"
        raise TaskError(message, kind=FailureKind.START)
    check_argument_sizes(argv if component is None else (), env)
