"""Domain errors as HTTP answers: the table in `domain.errors` is the one that is used."""

from __future__ import annotations

import re

import pytest

from penstock.api.http import INTERNAL, envelope, status_of
from penstock.api.kfp.errors import status_of as status_of_v2beta1
from penstock.domain import errors

_ROW = re.compile(r"-- (\w+) .*\((\d{3})(?:, code (\d+))?\)")


@pytest.mark.parametrize(("name", "status", "code"), _ROW.findall(errors.__doc__ or ""))
def test_an_error_is_answered_as_its_table_says(name: str, status: str, code: str) -> None:
    found = status_of(getattr(errors, name)("words"))
    assert found.http == int(status)
    assert not code or found.code == int(code)


def test_the_nearest_ancestor_decides_and_the_unexpected_is_internal() -> None:
    assert status_of(errors.SpecError("bad", place="root")) == (3, 400)
    assert status_of(errors.TaskError("failed", kind="EXIT_CODE")) == INTERNAL
    assert status_of_v2beta1(errors.PayloadTooLargeError("large")) == (3, 400)


def test_the_envelope_repeats_the_message_for_every_reader() -> None:
    body = envelope(5, "gone")
    assert (body["code"], body["message"], body["error"], body["details"][0]["message"]) == (5, "gone", "gone", "gone")
