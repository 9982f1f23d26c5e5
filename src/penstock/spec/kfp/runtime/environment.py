"""Environment variables and packages that an attempt asks for."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.domain.execution import EnvironmentRequest, LaunchRequest
from penstock.domain.plan import ContainerWork
from penstock.spec.kfp.runtime.images import wanted_python
from penstock.spec.kfp.runtime.python_component import PythonComponent, recognize
from penstock.spec.kfp.runtime.wandb_source import mend_work


def task_variables(request: LaunchRequest) -> dict[str, str]:
    """Return the variables that every task gets.

    Semantics: kfp protocol notes, section 5.6; the pod's name and uid are the task id, so that log addresses work.
    """
    return {
        "KFP_POD_NAME": request.key.task_id,
        "KFP_POD_UID": request.key.task_id,
        "KFP_RETRY_INDEX": str(request.user_retry_index),
        "KFP_RUN_ID": request.key.run_id,
        "KFP_RUN_NAME": request.run.run_name,
        "KFP_PIPELINE_NAME": request.run.pipeline_name,
        "KFP_TASK_NAME": request.display_name,
        "KFP_NAMESPACE": request.run.namespace,
        "NAMESPACE": request.run.namespace,
    }


_PAUSES = ("ARGO_DEBUG_PAUSE_BEFORE", "ARGO_DEBUG_PAUSE_AFTER", "ARGO_DEBUG_PAUSE_ON_ERROR")
"""What `set_debug_pause` of newer SDKs sets, for the executor of a cluster."""


def pause_warnings(variables: Mapping[str, str]) -> tuple[str, ...]:
    """Say that a pause which the author's variables ask for does not happen."""
    asked = ", ".join(name for name in _PAUSES if variables.get(name) == "true")
    story = "which keeps a pod of a cluster alive; here it goes on, and can be replayed on your machine"
    return (f"The task asks to be paused ({asked}), {story}.",) if asked else ()


def wished_environment(work: ContainerWork, sdk_version: str) -> EnvironmentRequest | None:
    """Return what a task will ask for, known before it has inputs; None when only an attempt can tell (its image is an input)."""
    if "{{$" in work.image:
        return None
    work, _ = mend_work(work)
    return environment_request(recognize(work.command, work.args), work.image, sdk_version)


def environment_request(component: PythonComponent | None, image: str, sdk_version: str) -> EnvironmentRequest:
    """Return the packages of a recognised component; commands ask only for an interpreter.

    A component that installs no kfp counts on its image for it; the version that compiled the pipeline stands in.
    """
    python = wanted_python(image)
    if component is None:
        return EnvironmentRequest(python=python)
    installs = component.installs
    requirements, no_deps = installs.requirements, installs.no_deps
    if not any(requirement.startswith("kfp") for requirement in (*requirements, *no_deps)):
        version = sdk_version.removeprefix("kfp-")
        kfp = f"kfp=={version}" if version else "kfp>=2.14,<3"
        requirements, no_deps = (requirements, (*no_deps, kfp)) if component.runtime_mode else ((*requirements, kfp), no_deps)
    return EnvironmentRequest(
        requirements=requirements,
        no_deps=no_deps,
        index_urls=installs.index_urls,
        trusted_hosts=installs.trusted_hosts,
        python=python,
    )
