"""Which texts count as secrets in the logs of a recorded step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from penstock.domain.errors import InvalidArgumentError, NotFoundError
from penstock.domain.masking import Blanker, blanked
from penstock.flows.masks import StepMasks

LOG = "flows/GuardedFlow/7/start/12/0.task_stdout.log"


class Secrets:
    """A store with these entries."""

    def __init__(self, **entries: Mapping[str, bytes]) -> None:
        self.entries = {name.replace("_", "."): found for name, found in entries.items()}

    async def put(self, kind: str, name: str, entries: Mapping[str, bytes], *, at: float) -> None:
        raise NotImplementedError

    async def read(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        return self.entries.get(name) if kind == "secret" else None

    async def names(self, kind: str) -> Sequence[tuple[str, Sequence[str], float]]:
        return [(name, sorted(entries), 0.0) for name, entries in sorted(self.entries.items())] if kind == "secret" else []

    async def delete(self, kind: str, name: str) -> bool:
        raise NotImplementedError


def graph_with(sources: Any) -> dict[str, Any]:
    decorators = [{"name": "retry", "attributes": {"times": 3}}, {"name": "secrets", "attributes": {"sources": sources, "role": None}}]
    return {"steps": {"start": {"decorators": decorators}, "end": {"decorators": []}}}


async def masks_of(secrets: Secrets, key: str, graph: dict[str, Any] | Exception | None) -> Sequence[bytes]:
    async def read(flow_id: str, run_id: str) -> dict[str, Any] | None:
        assert (flow_id, run_id) == ("GuardedFlow", "7")
        if isinstance(graph, Exception):
            raise graph
        return graph

    return await StepMasks(secrets, read).of_key(key)


STORE = Secrets(lake={"PASSWORD": b"correct horse", "SHORT": b"abc"}, mail_box={"key": b"first\nsecond"}, other={"X": b"unrelated"})


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("penstock.lake", {b"correct horse"}),
        ("lake", {b"correct horse"}),
        ("penstock.mail.box", {b"first", b"second"}),
        ("mail.box", {b"first", b"second"}),
        ({"type": "penstock", "id": "mail.box", "options": {}}, {b"first", b"second"}),
        ({"id": "lake"}, {b"correct horse"}),
        ({"type": "aws-secrets-manager", "id": "lake"}, set()),
        ("aws-secrets-manager.lake", set()),
        ("penstock.unknown", set()),
    ],
)
async def test_a_log_hides_the_secrets_that_its_step_names(source: Any, wanted: set[bytes]) -> None:
    assert set(await masks_of(STORE, LOG, graph_with([source]))) == wanted
    assert await masks_of(STORE, LOG.replace("start", "end"), graph_with([source])) == ()


async def test_nothing_is_hidden_outside_of_logs_or_without_a_run() -> None:
    graph = graph_with(["penstock.lake"])
    for key in ("flows/GuardedFlow/data/ab/abcdef", "flows/GuardedFlow/7/start/12/0.data.json", "0.task_stdout.log"):
        assert await masks_of(STORE, key, graph) == ()
    assert await masks_of(STORE, LOG, NotFoundError("no such run")) == ()
    assert await masks_of(Secrets(), LOG, graph) == ()


@pytest.mark.parametrize("graph", [None, InvalidArgumentError("too large to look at")])
async def test_everything_is_hidden_where_the_definition_cannot_be_read(graph: Exception | None) -> None:
    assert set(await masks_of(STORE, LOG, graph)) == {b"correct horse", b"first", b"second", b"unrelated"}


async def test_definitions_of_any_shape_are_read() -> None:
    for graph in ({}, {"steps": 3}, {"steps": {"start": 3}}, {"steps": {"start": {"decorators": [3, {"name": "secrets"}]}}}):
        assert await masks_of(STORE, LOG, graph) == ()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_stream_is_masked_whatever_its_pieces(size: int) -> None:
    text = b"begin hunter22 and hunter22hunter2 hunter, hunt hunter22" * 3
    parts = (b"hunter22", b"hunter", b"22hu")
    blanker = Blanker(parts)
    found = b"".join(blanker.feed(text[at : at + size]) for at in range(0, len(text), size)) + blanker.rest()
    assert len(found) == len(text)
    assert not re.search(rb"hunter", found)
    assert found == blanked(text, parts)
    assert Blanker(()).feed(text) == text
