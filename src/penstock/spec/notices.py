"""What a definition asks for and one machine does not do, with what happens instead: told before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from penstock.domain.plan import ContainerWork, LeafTemplate, RunPlan
from penstock.spec.argo.leftovers import of_leaf
from penstock.spec.argo.lower import ARGO_DIALECT
from penstock.spec.kfp.runtime.init_containers import imageless
from penstock.spec.kfp.runtime.pod import unknown_settings
from penstock.spec.kfp.runtime.pod_config import PodConfig
from penstock.spec.kfp.runtime.scheduling import scheduling_warnings

_PYTHON = "python:"
"""Images that hold Python alone; what runs is one of the same version."""


@dataclass(frozen=True, slots=True)
class DefinitionNotice:
    """One thing that is done otherwise here."""

    component: str
    """Empty: the whole pipeline."""
    text: str


def notices_of(plan: RunPlan) -> list[DefinitionNotice]:
    """Return what can be told from the definition alone; values that only a run knows may add to it, on the task's Events."""
    found = [DefinitionNotice("", str(text)) for text in plan.extra.get("warnings", ())]
    for leaf in plan.templates.values():
        if not isinstance(leaf, LeafTemplate) or not isinstance(leaf.work, ContainerWork):
            continue
        if plan.dialect == ARGO_DIALECT:
            found += [DefinitionNotice("", str(text)) for text in leaf.extra.get("workflow_leftovers", ())]
            texts: Iterator[str] = iter(of_leaf(leaf.work.platform))
        else:
            texts = _of_kubernetes(leaf.work)
        found += [DefinitionNotice(leaf.name, text) for text in texts]
        if leaf.work.image and not leaf.work.image.startswith(_PYTHON):
            found.append(DefinitionNotice(leaf.name, f"Image {leaf.work.image} is not pulled: the command is a process of this machine."))
    return list(dict.fromkeys(found))


def _of_kubernetes(work: ContainerWork) -> Iterator[str]:
    config = PodConfig(work.platform, {})
    yield from scheduling_warnings(config)
    yield from imageless(config)
    yield from unknown_settings(work.platform)
