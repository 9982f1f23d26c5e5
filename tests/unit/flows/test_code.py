"""One file is read of a code package, whatever else a client put there."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from penstock.flows.code import MAX_SOURCE_BYTES, source_in


def package(*files: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def link(name: str, to: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = tarfile.SYMTYPE, to
        archive.addfile(member)
    return target.getvalue()


def test_the_flows_file_is_found_at_the_top_of_a_package() -> None:
    data = package((".mf_code/flow.py", b"not this"), ("lib/flow.py", b"nor this"), ("flow.py", "print('é')\n".encode()))
    assert source_in(data, "flow.py") == "print('é')\n"
    assert source_in(data, "other.py") is None
    assert source_in(data, "") is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x1f\x8bno", id="no-gzip"),
        pytest.param(gzip.compress(b"x" * 2000), id="no-archive"),
        pytest.param(package(("flow.py", b"x" * 9000))[:-30], id="cut"),
        pytest.param(link("flow.py", "/etc/passwd"), id="link"),
        pytest.param(package(("flow.py", bytes(MAX_SOURCE_BYTES + 1))), id="too-large"),
        pytest.param(gzip.compress(bytes(70 * 1024 * 1024)), id="bomb"),
    ],
)
def test_a_package_that_is_none_has_no_source(data: bytes) -> None:
    assert source_in(data, "flow.py") is None
