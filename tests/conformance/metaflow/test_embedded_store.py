"""`metaflow.S3` against the server's own object store: everything that its documentation shows comes back as it was put."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.metaflow.machine import deploying_machine
from tests.support.server import LiveServer

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(900)]

KEYS = ["plain", "with space/and more", "ü/刺身", "a+b&c;d=%25", "two//slashes", "q'uo\"te", "~tilde(1)!*", "x" * 400]

PROGRAM = f"""
from metaflow.plugins.datatools.s3.s3 import MetaflowS3InvalidRange, MetaflowS3NotFound, S3GetObject, S3PutObject
keys = {KEYS!r}

def refused(error, work):
    try:
        work()
    except error:
        return True

out = {{}}
with S3(s3root="s3://metaflow/flows/lake") as s3:
    for key in keys:
        s3.put(key, key)
    out["keys"] = [s3.get(key).text for key in keys]
    out["many"] = [found.text for found in s3.get_many(keys)]
    out["recursive"] = sorted(found.key for found in s3.list_recursive())
    out["level"] = sorted((found.key, found.exists) for found in s3.list_paths(["with space"]))
    s3.put("typed", "a,b", content_type="text/csv", metadata={{"k": "v", "Ü": ["ü", 1]}})
    s3.put_many([S3PutObject(key="many/%d" % n, value="v%d" % n, content_type="text/x-part", metadata={{"n": n}}) for n in range(12)])
    out["typed"] = [[found.content_type, found.metadata, found.size] for found in (s3.get("typed"), s3.info("typed"))]
    out["typed many"] = [[found.content_type, found.metadata] for found in s3.info_many(["many/3", "many/11"])]
    out["prefix"] = sorted(found.text for found in s3.get_recursive(["many"]))
    out["kept"] = [s3.put("typed", "new", overwrite=False) and s3.get("typed").text, s3.put("typed", "new") and s3.get("typed").text]
    s3.put("digits", "0123456789")
    s3.put("empty", "")
    ranges = [(2, 3), (7, None), (0, -4), (8, 9)]
    out["ranges"] = [s3.get(S3GetObject("digits", *window)).text for window in ranges]
    out["outside"] = refused(MetaflowS3InvalidRange, lambda: s3.get(S3GetObject("digits", 10, 1)))
    out["empty"] = [s3.get("empty").text, s3.info("empty").size]
    out["missing"] = [s3.get("no", return_missing=True).exists, [found.exists for found in s3.get_many(["digits", "no"], return_missing=True)]]
    out["missed"] = [refused(MetaflowS3NotFound, lambda: s3.get("no")), refused(MetaflowS3NotFound, lambda: s3.get_many(["digits", "no"]))]
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with LiveServer(tmp_path_factory.mktemp("store") / "data") as server:
        folder: Path = tmp_path_factory.mktemp("machine")
        answer: dict[str, Any] = deploying_machine(server, folder).read(PROGRAM)
        return answer


def test_keys_of_every_kind_come_back(found: dict[str, Any]) -> None:
    assert found["keys"] == found["many"] == KEYS
    assert found["recursive"] == sorted(KEYS)
    assert found["level"] == [["and more", True]]


def test_types_and_metadata_are_those_that_were_given(found: dict[str, Any]) -> None:
    assert found["typed"] == [["text/csv", {"k": "v", "Ü": ["ü", 1]}, 3]] * 2
    assert found["typed many"] == [["text/x-part", {"n": 3}], ["text/x-part", {"n": 11}]]
    assert found["prefix"] == sorted(f"v{number}" for number in range(12))
    assert found["kept"] == ["a,b", "new"]


def test_parts_of_an_object_are_read(found: dict[str, Any]) -> None:
    assert found["ranges"] == ["234", "789", "6789", "89"]
    assert found["outside"] is True
    assert found["empty"] == ["", 0]


def test_what_is_missing_is_told_or_raised(found: dict[str, Any]) -> None:
    assert found["missing"] == [False, [True, False]]
    assert found["missed"] == [True, True]
