"""Which requests may change something, and where a form may lead back to."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from penstock.domain.errors import PermissionDeniedError
from penstock.web.security import check_own_form, safe_next


def asked(**headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": [(b"host", b"one.example:8080"), *named]})


@pytest.mark.parametrize("headers", [{"origin": "http://one.example:8080"}, {"sec_fetch_site": "same-origin"}])
def test_forms_of_our_own_pages_are_taken(headers: dict[str, str]) -> None:
    check_own_form(asked(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"origin": "null"}, {"origin": ""}, {"origin": "http://one.example"}, {"origin": "http://one.example:8081"},
        {"origin": "http://evil.example", "sec_fetch_site": "same-origin"}, {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "none"},
    ],
)  # fmt: skip
def test_forms_of_any_other_page_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(PermissionDeniedError):
        check_own_form(asked(**headers))


@pytest.mark.parametrize("target", ["/ui/runs", "/ui/runs?q=a//b", "/"])
def test_a_path_of_this_server_is_led_back_to(target: str) -> None:
    assert safe_next(target, "/ui/home") == target


@pytest.mark.parametrize("target", [None, "", "ui/runs", "http://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:x"])
def test_nothing_leads_away(target: str | None) -> None:
    assert safe_next(target, "/ui/home") == "/ui/home"
