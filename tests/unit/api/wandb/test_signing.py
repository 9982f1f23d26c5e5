"""Signed addresses and wire ids."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from penstock.api.wandb import ids
from penstock.api.wandb.signing import UrlSigner
from penstock.domain.errors import InvalidArgumentError, PermissionDeniedError

NOW = 1_800_000_000.0
SIGNER = UrlSigner(b"secret")


def check(url: str, *, method: str = "GET", now: float = NOW, path: str | None = None) -> None:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    SIGNER.check(method, path or unquote(parts.path), expires=query["expires"][0], signature=query["signature"][0], now=now)


def test_a_signed_address_opens_what_it_was_made_for() -> None:
    url = SIGNER.sign("GET", "/files/e/p/r/a b%ü.txt", now=NOW)
    check(url)
    check(url, method="HEAD")
    check(url, now=NOW + 23 * 3600)


@pytest.mark.parametrize("change", [{"method": "PUT"}, {"path": "/files/e/p/r/other"}, {"now": NOW + 26 * 3600}])
def test_a_signed_address_opens_nothing_else(change: dict[str, object]) -> None:
    url = SIGNER.sign("GET", "/files/e/p/r/x", now=NOW)
    with pytest.raises(PermissionDeniedError):
        check(url, **change)  # type: ignore[arg-type]


def test_another_server_cannot_sign() -> None:
    url = UrlSigner(b"other").sign("GET", "/files/x", now=NOW)
    with pytest.raises(PermissionDeniedError):
        check(url)


def test_ids_hold_names_of_any_kind_and_no_slash() -> None:
    wire = ids.encode("Run", "v1", "my run.1", "pröject", "me")
    assert ids.decode(wire) == ("Run", ["v1", "my run.1", "pröject", "me"])
    assert not set(wire) & {"/", "+"}


@pytest.mark.parametrize("wire", ["", "???", "UnVu", ids.encode("Run", 3)])
def test_other_ids_are_refused(wire: str) -> None:
    with pytest.raises(InvalidArgumentError):
        ids.number(wire, "Artifact")
