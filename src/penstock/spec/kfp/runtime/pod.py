"""What the Kubernetes configuration of a task comes to as a process: variables, mounts, commands before it, warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.domain.execution import AttemptLayout, LaunchRequest, Mount
from penstock.interfaces.dialect import SecretLookup
from penstock.spec.kfp.runtime.commands import Resolver
from penstock.spec.kfp.runtime.field_paths import field_path_variables
from penstock.spec.kfp.runtime.init_containers import init_commands
from penstock.spec.kfp.runtime.pod_config import PodConfig
from penstock.spec.kfp.runtime.scheduling import scheduling_warnings
from penstock.spec.kfp.runtime.secrets import CONFIG_MAP, SECRET, SecretSource
from penstock.spec.kfp.runtime.volumes import mount_warnings, volume_mounts

_KNOWN = frozenset(
    {
        "secretAsEnv", "secretAsVolume", "configMapAsEnv", "configMapAsVolume", "pvcMount", "genericEphemeralVolume", "emptyDirMounts",
        "fieldPathAsEnv", "podMetadata", "nodeSelector", "tolerations", "nodeAffinity", "podAffinity", "imagePullSecret",
        "imagePullPolicy", "activeDeadlineSeconds", "securityContext", "enabledSharedMemory", "initContainers",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pod:
    """The honoured part of a configuration, and sentences about the rest."""

    env: Mapping[str, str]
    secret_env: Mapping[str, str]
    mounts: tuple[Mount, ...]
    init: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...]


def prepare_pod(
    platform: Mapping[str, Any], request: LaunchRequest, layout: AttemptLayout, resolver: Resolver, secrets: SecretLookup
) -> Pod:
    """Resolve the configuration for one attempt.

    Raises:
        TaskError: a required secret, config map or key is absent, or the name of a volume is not valid (kind INPUT).
    """
    if not platform:
        return Pod({}, {}, (), (), ())
    config = PodConfig.of(platform, request)
    source = SecretSource(secrets)
    fields, field_warnings = field_path_variables(config, request)
    init, init_warnings = init_commands(config, resolver)
    mounts = (*volume_mounts(config), *source.mounts(config, SECRET), *source.mounts(config, CONFIG_MAP))
    unknown = unknown_settings(platform)
    return Pod(
        env={**fields, **source.variables(config, CONFIG_MAP)},
        secret_env=source.variables(config, SECRET),
        mounts=mounts,
        init=init,
        warnings=(*mount_warnings(mounts, layout), *field_warnings, *init_warnings, *scheduling_warnings(config), *unknown),
    )


def unknown_settings(platform: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each kind of setting that nothing here reads."""
    return [f"Kubernetes setting {key} is not known here and is ignored." for key in platform if key not in _KNOWN]
