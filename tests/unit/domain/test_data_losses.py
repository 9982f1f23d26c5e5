"""Which console lines of a client tell of data that it left out."""

from __future__ import annotations

import pytest

from penstock.domain.data_losses import losses_in


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("wandb: WARNING Tried to log to step 2 that is less than the current step 9. Steps must be monotonically increasing", "steps"),
        ("wandb: WARNING (User provided step: 2 is less than current step: 9. Dropping entry: {'loss': 5}).", "steps"),
        ("\x1b[34m\x1b[1mwandb\x1b[0m: \x1b[33mWARNING\x1b[0m Skipped uploading run.log() data that exceeded size limit (12 > 10).", "size"),
        ("wandb: ERROR Summary data exceeds maximum size of 10.4MB. Dropping it.", "size"),
        ("wandb: ERROR Dropped streaming file chunk (see wandb/debug-internal.log)", "dropped"),
        ("my own wandb: step 2 is less than the current step 9", None),
        ("wandb: Run history:", None),
    ],
)
def test_only_the_clients_own_lines_count(line: str, kind: str | None) -> None:
    assert [loss.kind for loss in losses_in([line])] == ([kind] if kind else [])


def test_the_first_line_of_each_kind_is_kept_without_colours() -> None:
    lines = [f"wandb: step {step} is less than the current step 9" for step in range(5)]
    (found,) = losses_in([*lines, "wandb: \x1b[33mstep 1 is less than the current step 9"])
    assert found.detail == "step 0 is less than the current step 9"
