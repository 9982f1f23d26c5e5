"""Experiments on the wire. Semantics: kfp protocol notes, section 2.5."""

from __future__ import annotations

from typing import Any

from penstock.api.kfp.wire import message, timestamp
from penstock.domain.catalog import Experiment


def experiment_to_wire(experiment: Experiment) -> dict[str, Any]:
    """Return an `Experiment` message."""
    return message(
        experiment_id=experiment.experiment_id,
        display_name=experiment.name,
        description=experiment.description,
        created_at=timestamp(experiment.created_at),
        namespace=experiment.namespace,
        storage_state=experiment.storage_state.value,
        last_run_created_at=timestamp(experiment.last_run_created_at),
    )
