"""`KfpDialect`: what KFP does for an attempt, in both directions."""

from __future__ import annotations

from penstock.domain.errors import TaskError
from penstock.domain.execution import AttemptLayout, FailureKind, LaunchRequest, ParsedOutputs, ProcessSpec, PythonTask, RawOutputs
from penstock.domain.plan import ContainerWork, VolumeWork
from penstock.interfaces.dialect import SecretLookup
from penstock.spec.kfp.runtime.commands import Resolver, check_argument_sizes
from penstock.spec.kfp.runtime.environment import environment_request, task_variables
from penstock.spec.kfp.runtime.executor_input import Prepared, prepare_input
from penstock.spec.kfp.runtime.outputs import parse_outputs
from penstock.spec.kfp.runtime.python_component import recognize
from penstock.spec.kfp.runtime.resources import resolve_resources


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
            raise TaskError("volumes are not commands", kind=FailureKind.SYSTEM)
        if not isinstance(work, ContainerWork):
            raise TaskError("importers run no command", kind=FailureKind.SYSTEM)
        prepared = prepare_input(request, layout, {})
        return _container(request, work, prepared)

    def parse_outputs(self, request: LaunchRequest, spec: ProcessSpec, raw: RawOutputs) -> ParsedOutputs:
        """Read the outputs of a successful attempt; see the protocol.

        Raises:
            TaskError: an output is missing, malformed, of the wrong type or outside its place.
        """
        return parse_outputs(request, spec, raw)


def _container(request: LaunchRequest, work: ContainerWork, prepared: Prepared) -> ProcessSpec:
    resolver = Resolver(request, prepared)
    component = recognize(work.command, work.args)
    argv = tuple(resolver.arguments((*work.command, *work.args)))
    env = task_variables(request)
    env.update({name: resolver.text(value) if isinstance(value, str) else str(value) for name, value in work.env})
    python = None
    if component is not None:
        python = PythonTask(
            source=resolver.text(component.source),
            function=component.function,
            module=component.module,
            executor_input=resolver.executor_input(),
            runtime_mode=component.runtime_mode,
        )
        check_argument_sizes((), env)
    else:
        if not argv:
            raise TaskError(f"image {work.image!r} would run its own entry point, which needs containers", kind=FailureKind.START)
        check_argument_sizes(argv, env)
    image = resolver.text(work.image)
    resources = resolve_resources(work.resources, resolver.text)
    return ProcessSpec(
        argv=argv,
        env=env,
        python=python,
        environment=environment_request(component, image, request.run.sdk_version),
        image=image,
        resources=resources,
        staged=prepared.staged,
        directories=prepared.directories,
        output_parameters=prepared.output_parameters,
        output_artifacts=prepared.output_artifacts,
        executor_output=prepared.executor_output,
        path_prefixes=prepared.places.prefixes(),
        deadline_seconds=request.template.deadline_seconds,
        needs_cold_start=resources.accelerator_count > 0,
    )
