"""Users, roles and invitations in a real browser against a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ROOT
from tests.support.server import LiveServer

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("users") / "data", env={"PENSTOCK_SERVER_USER": "boss"}) as running:
        yield running


def open_page(chromium: Browser, server: LiveServer, address: str, **options: object) -> Page:
    tab = chromium.new_context(base_url=server.url, locale="en-US", viewport={"width": 1440, "height": 900}, **options).new_page()  # type: ignore[arg-type]
    tab.goto(address)
    return tab


def test_an_administrator_adds_a_viewer_who_is_told_which_role_it_takes(chromium: Browser, server: LiveServer) -> None:
    boss = open_page(chromium, server, "/ui/system")
    boss.get_by_role("link", name="Users").first.click()
    boss.get_by_label("E-mail address of the user").fill("vera@example.org")
    boss.get_by_label("Role of the user").select_option("viewer")
    boss.get_by_role("button", name="Add user").click()
    expect(boss.get_by_role("status").filter(has_text="vera was added.")).to_be_visible()
    boss.evaluate(AXE.read_text())
    assert boss.evaluate("async () => (await axe.run()).violations.map((found) => found.id)") == []
    boss.get_by_role("button", name="Invite vera by link").click()
    link = boss.get_by_role("region", name="Invitation of vera").locator("code").inner_text()

    vera = open_page(chromium, server, link)
    vera.get_by_role("button", name="Accept").click()
    expect(vera.get_by_text("it is not shown again")).to_be_visible()
    key = vera.locator("code").inner_text()
    assert len(key) == 40
    vera.get_by_role("link", name="Go on").click()
    expect(vera.get_by_text("Read only")).to_be_visible()
    expect(vera.get_by_role("link", name="System")).to_have_count(0)
    vera.goto("/ui/pipelines")
    vera.get_by_role("button", name="Upload pipeline").first.click()
    upload = vera.locator("dialog[open] form[method=post] button:not([type=button])").last
    expect(upload).to_be_disabled()
    expect(upload).to_have_attribute("title", "This needs the role member; you have viewer.")
    vera.goto("/ui/system/users")
    expect(vera.get_by_role("heading", name="Not allowed")).to_be_visible()
    expect(vera.get_by_text("This needs the role admin; you have viewer.")).to_be_visible()

    boss.goto("/ui/system/users")
    boss.get_by_label("Role of vera", exact=True).select_option("member")
    boss.get_by_role("button", name="Change the role of vera").click()
    expect(boss.get_by_role("status").filter(has_text="vera has the role member now.")).to_be_visible()
    vera.goto("/ui/pipelines")
    expect(vera.get_by_text("Read only")).to_have_count(0)

    boss.get_by_role("button", name="Disable vera").click()
    boss.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(boss.get_by_role("row", name="vera").first).to_contain_text("disabled")
    vera.goto("/ui/home")
    vera.wait_for_url("**/signin?next=*")
    vera.get_by_label("API key").fill(key)
    vera.get_by_role("button", name="Sign in").click()
    expect(vera.get_by_role("alert")).to_contain_text("disabled")


def test_the_user_menu_says_who_is_signed_in_and_signs_out(chromium: Browser, server: LiveServer) -> None:
    tab = open_page(chromium, server, "/ui/home")
    tab.get_by_label("User: boss").click()
    menu = tab.locator("#user-menu")
    expect(menu).to_contain_text("admin")
    expect(menu.get_by_role("button", name="Sign out")).to_have_count(0)
    tab.context.add_cookies([{"name": "penstock_key", "value": server.key, "url": server.url}])
    tab.reload()
    tab.get_by_label("User: boss").click()
    menu.get_by_role("button", name="Sign out").click()
    tab.wait_for_url("**/signin")
    assert "penstock_key" not in {cookie["name"] for cookie in tab.context.cookies()}


def test_the_namespace_of_the_top_bar_narrows_lists_and_is_kept(chromium: Browser, server: LiveServer) -> None:
    for name in ("lab", "shop"):
        server.post("/apis/v2beta1/experiments", {"display_name": f"of {name}", "namespace": name})
    tab = open_page(chromium, server, "/ui/experiments")
    expect(tab.get_by_text("of shop", exact=True)).to_be_visible()
    tab.get_by_label("Namespace: All namespaces").click()
    tab.locator("#namespace-menu").get_by_role("link", name="lab").click()
    tab.wait_for_url("**/ui/experiments?namespace=lab")
    expect(tab.get_by_text("of lab", exact=True)).to_be_visible()
    expect(tab.get_by_text("of shop", exact=True)).to_have_count(0)
    tab.get_by_role("link", name="Projects", exact=True).click()
    tab.wait_for_url("**/ui/projects?namespace=lab")
    expect(tab.get_by_role("heading", name="Nothing in the namespace lab")).to_be_visible()
    tab.get_by_role("main").get_by_role("link", name="All namespaces").click()
    tab.wait_for_url("**/ui/projects?namespace=")  # the namespace is remembered until this page is answered
    tab.get_by_role("link", name="Experiments").click()
    tab.wait_for_url("**/ui/experiments")
    expect(tab.get_by_text("of shop", exact=True)).to_be_visible()


def test_a_page_that_stays_open_in_a_namespace_does_not_bring_its_reader_back_to_it(chromium: Browser, server: LiveServer) -> None:
    server.post("/apis/v2beta1/experiments", {"display_name": "first", "namespace": "attic"})
    held = open_page(chromium, server, "/ui/experiments?namespace=attic")
    expect(held.locator("#live-badge")).to_have_text("Live")
    tab = held.context.new_page()
    tab.goto("/ui/projects?namespace=")
    server.post("/apis/v2beta1/experiments", {"display_name": "second", "namespace": "attic"})
    expect(held.get_by_text("second", exact=True)).to_be_visible()  # it has fetched itself again
    tab.get_by_role("link", name="Experiments").click()
    tab.wait_for_url("**/ui/experiments")
    expect(tab.get_by_label("Namespace: All namespaces")).to_be_visible()


def test_an_open_page_says_that_its_reader_is_signed_out_until_the_key_is_good_again(chromium: Browser, server: LiveServer) -> None:
    def boss(**fields: str) -> str:
        answer = httpx.post(f"{server.url}/ui/system/users/actions", data=fields, headers={"origin": server.url}, timeout=60.0)
        return answer.text

    boss(verb="add", name="nils@example.org", role="member")
    key = re.findall(r"\b[0-9a-f]{40}\b", boss(verb="make-key", user="nils"))[0]
    nils = open_page(chromium, server, "/signin")
    nils.context.add_cookies([{"name": "penstock_key", "value": key, "url": server.url}])
    nils.goto("/ui/experiments?q=tidal")
    badge, told = nils.locator("#live-badge"), nils.get_by_role("alert").filter(has_text="You are signed out")
    expect(badge).to_have_text("Live")
    boss(verb="disable", user="nils")  # and nothing else happens that the page would be told of
    expect(told).to_be_visible()
    expect(badge).to_have_text("Signed out")
    assert told.get_by_role("link", name="Sign in").get_attribute("href") == "/signin?next=%2Fui%2Fexperiments%3Fq%3Dtidal"
    boss(verb="enable", user="nils")
    server.post("/apis/v2beta1/experiments", {"display_name": "tidal one"})
    expect(told).to_have_count(0)
    expect(badge).to_have_text("Live")
    expect(nils.get_by_text("tidal one")).to_be_visible()
