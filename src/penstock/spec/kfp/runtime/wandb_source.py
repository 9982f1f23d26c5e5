"""Mends the component source that `@wandb_log` directly under `@dsl.component` compiles to.

wandb 0.26 to 0.31 copy the text of their decorator into the component without what that text refers to, so the compiled component dies
with a NameError wherever it runs (observed with wandb 0.31.0 and kfp 2.17.0; W&B protocol notes, section 15). The decorator itself is
complete in the wandb package that the component installs; the copy is replaced by loading that.
"""

from __future__ import annotations

import dataclasses

from penstock.domain.plan import ContainerWork

_COPY = "def wandb_log("
_NEEDED = "_KfpWandbLogger("
_DEFINED = "class _KfpWandbLogger"
_SDK_IMPORTS = "\nimport kfp\nfrom kfp import dsl\n"
_LOADED = """
import importlib.util
import os

import wandb

_file = os.path.join(os.path.dirname(wandb.__file__), "integration", "kfp", "wandb_log_v2.py")
_spec = importlib.util.spec_from_file_location("wandb_log_v2", _file)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
wandb_log = _module.wandb_log
"""

WARNING = (
    "the component's source holds an incomplete copy of W&B's decorator (a fault of wandb 0.26 to 0.31);"
    " the decorator of the installed wandb package is used instead"
)


def mend_source(source: str) -> str | None:
    """Return the source with a whole decorator, or None when there is nothing to mend."""
    head, found, rest = source.partition(_SDK_IMPORTS)
    if not found or _COPY not in head or _NEEDED not in head or _DEFINED in head:
        return None
    return _LOADED + found + rest


def mend_work(work: ContainerWork) -> tuple[ContainerWork, tuple[str, ...]]:
    """Return the work with a mended program and the warnings that belong to it."""
    command = list(work.command)
    for index, part in enumerate(command):
        mended = mend_source(part) if isinstance(part, str) and _NEEDED in part else None
        if mended is not None:
            command[index] = mended
            return dataclasses.replace(work, command=tuple(command)), (WARNING,)
    return work, ()
