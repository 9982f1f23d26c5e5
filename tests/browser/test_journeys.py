"""What people do on the pages, in a real browser, by mouse and by keyboard."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from penstock.domain.accounts import Caller, Role
from penstock.domain.ids import RunId, TaskPath, task_id_for
from penstock.domain.runs import RunChanged
from penstock.domain.states import RuntimeState
from penstock.server.security import Door
from penstock.server.signin import sign_in_routes
from tests.browser.conftest import ROOT, Served, serving

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_PLACES = "navigator.locks.query().then((all) => all.held.filter((lock) => lock.name.startsWith('penstock.live')).length)"
"""How many streams are open in the tabs of a browser."""


def task(served: Served, label: str, path: str) -> str:
    """Id of a seeded task."""
    return task_id_for(RunId(served.seeded.runs[label]), TaskPath(path))


def test_addresses_that_kubeflow_clients_print_open_the_right_page(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["good"]
    for printed, opened in (
        (f"/#/runs/details/{run_id}", f"/ui/runs/{run_id}"),
        ("/#/experiments/details/exp-rates", "/ui/experiments/exp-rates"),
        ("/#/pipelines/details/pipe-digits", "/ui/pipelines/pipe-digits"),
        ("/#/pipelines/details/pipe-digits/version/ver-1", "/ui/pipelines/pipe-digits?version=ver-1"),
        ("/#/recurringrun/details/rec-nightly", "/ui/recurring/rec-nightly"),
        ("/#/pipelines/details/pipe%2Ddigits?fromRun=x", "/ui/pipelines/pipe-digits"),
        (f"/#/compare?runlist={run_id},{served.seeded.runs['failed']}", f"/ui/compare?runs={run_id}%2C{served.seeded.runs['failed']}"),
        (f"/#/runs/new?cloneFromRun={run_id}", f"/ui/runs/new?clone={run_id}"),
        ("/#/runs/new?experimentId=exp-rates&recurring=1", "/ui/runs/new?kind=recurring&experiment=exp-rates"),
        ("/#/archive/experiments", "/ui/experiments?tab=archived"),
        ("/#/archive/runs", "/ui/runs?tab=archived"),
        ("/", "/ui/home"),
    ):
        page.goto(printed)
        page.wait_for_url(f"{served.url}{opened}")


def test_the_number_of_an_execution_leads_to_it_alone(page: Page, served: Served) -> None:
    page.goto("/ui/executions")
    number = page.locator("tbody tr td.num.faint [data-copy]").first.get_attribute("data-copy")
    page.goto(f"/#/executions/{number}")
    page.wait_for_url(f"{served.url}/ui/executions?q=id={number}")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr td.num.faint [data-copy]")).to_have_attribute("data-copy", number or "none")


def test_an_address_behind_the_hash_opens_after_sign_in(chromium: Browser, served: Served) -> None:
    async def is_good(key: str) -> Caller | None:
        return Caller("ann", role=Role.VIEWER) if key == "the-key" else None

    guarded = Starlette(routes=[*sign_in_routes(is_good), Mount("/", app=served.seeded.app)])
    with serving(Door(guarded, hosts=[], accept_addresses=False, key_check=is_good)) as url:
        context = chromium.new_context(base_url=url, locale="en-US")
        tab = context.new_page()
        tab.goto(f"/#/runs/details/{served.seeded.runs['good']}")
        expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
        tab.get_by_label("API key").fill("wrong")
        tab.get_by_role("button", name="Sign in").click()
        expect(tab.get_by_role("alert")).to_have_text("This key is not valid.")
        tab.evaluate(AXE.read_text())
        assert tab.evaluate("async () => (await axe.run()).violations.map((found) => found.id)") == []
        tab.get_by_label("API key").fill("the-key")
        tab.get_by_role("button", name="Sign in").click()
        tab.wait_for_url(f"{url}/ui/runs/{served.seeded.runs['good']}")
        context.close()


def test_a_run_is_given_another_name(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    page.get_by_label("More actions").click()
    page.get_by_role("button", name="Rename").click()
    dialog = page.get_by_role("dialog", name="Rename")
    dialog.get_by_label("Name").fill("a better name")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("[data-notice]")).to_contain_text("Saved.")
    assert ("rename_run", (served.seeded.runs["good"], "a better name", "")) in served.seeded.actions.calls


def test_a_failed_run_says_why_and_its_log_opens_at_the_error(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['failed']}")
    expect(page.get_by_role("alert")).to_contain_text("train-model[3] failed")
    page.get_by_role("link", name="Open its log").click()
    expect(page).to_have_url(re.compile("task=.*tab=logs"))
    panel = page.locator("#panel")
    expect(panel.get_by_role("heading", name="train-model")).to_be_visible()
    expect(panel.locator(".log-line").last).to_be_visible()
    panel.get_by_role("button", name="First error").click()
    expect(panel.locator(".log-line.is-marked")).to_contain_text(re.compile("Traceback|Error"))
    expect(panel.locator(".ansi-fg-2").first).to_contain_text("acc")
    expect(panel.locator(".log-line", has_text="saving")).to_have_text(re.compile(r"saving 100%$"))


def test_the_graph_opens_loops_and_tasks_and_keeps_the_address(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["failed"]
    page.goto(f"/ui/runs/{run_id}")
    loop = page.locator(f'[data-node-box="{task(served, "failed", "root/exit-handler-1/for-loop-2")}"]')
    expect(loop).to_be_visible()
    loop.locator("button.node-toggle").click()
    failing = page.locator(f'[data-node="{task(served, "failed", "root/exit-handler-1/for-loop-2[3]/train-model")}"]')
    expect(failing).to_contain_text("Failed")
    failing.click()
    expect(page.locator("#panel h2")).to_have_text("train-model[3]")
    address = page.url
    assert "open=" in address
    page.goto(address)
    expect(failing).to_be_visible()
    expect(page.locator("#panel h2")).to_have_text("train-model[3]")


def test_every_tab_of_the_panel_opens_by_its_number(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["good"]
    page.goto(f"/ui/runs/{run_id}?task={task(served, 'good', 'root/exit-handler-1/evaluate')}&tab=io")
    texts = {
        "1": "Output Artifacts",
        "2": "confusion matrix",
        "3": "Where time went",
        "4": "starting with python",
        "5": "Interpreter used",
        "6": "Process 4242",
        "7": "system.ContainerExecution",
    }
    page.locator("#panel h2").click()
    for key, text in texts.items():
        page.keyboard.press(key)
        expect(page.locator("#panel-body")).to_contain_text(text)


def test_a_run_updates_in_place_without_losing_the_open_panel(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["running"]
    page.goto(f"/ui/runs/{run_id}?task={task(served, 'running', 'root/exit-handler-1/preprocess')}&tab=details")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    expect(page.locator("#run-head")).to_contain_text("Running")
    services = served.seeded.services
    database = services.runs._database  # type: ignore[attr-defined]
    database.write_sync(lambda tx: tx.execute("UPDATE run SET state = 'PAUSED' WHERE run_id = :id", {"id": run_id}))
    try:
        page.evaluate("window.marker = 1")
        with page.expect_response(lambda answer: answer.request.headers.get("x-live") == "1"):
            services.notifier.publish(RunChanged(RunId(run_id), 2, RuntimeState.PAUSED))
        expect(page.locator("#run-head")).to_contain_text("Paused")
        assert page.evaluate("window.marker") == 1
        expect(page.locator("#panel h2")).to_have_text("preprocess")
    finally:
        database.write_sync(lambda tx: tx.execute("UPDATE run SET state = 'RUNNING' WHERE run_id = :id", {"id": run_id}))


def test_more_tabs_than_a_browser_has_connections_stay_usable_and_up_to_date(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["running"]
    tabs = [page.context.new_page() for _ in range(9)]
    for tab in tabs:
        tab.goto(f"/ui/runs/{run_id}")
        expect(tab.locator("#live-badge")).to_have_attribute("data-state", re.compile("live|polling"))
    listening = [tab for tab in tabs if tab.locator("#live-badge").get_attribute("data-state") == "live"]
    assert len(listening) == 4
    database = served.seeded.services.runs._database  # type: ignore[attr-defined]
    database.write_sync(lambda tx: tx.execute("UPDATE run SET state = 'PAUSED' WHERE run_id = :id", {"id": run_id}))
    try:
        expect(tabs[-1].locator("#run-head")).to_contain_text("Paused", timeout=30_000)  # nobody told it: it looked again
    finally:
        database.write_sync(lambda tx: tx.execute("UPDATE run SET state = 'RUNNING' WHERE run_id = :id", {"id": run_id}))
    rest = [tab for tab in tabs if tab not in listening]
    for tab in listening:
        tab.close()
    deadline = time.monotonic() + 60
    while sum(tab.locator("#live-badge").get_attribute("data-state") == "live" for tab in rest) < 4:
        assert time.monotonic() < deadline
        rest[0].wait_for_timeout(100)


def test_a_page_asks_a_slow_server_again_only_when_it_was_answered(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["running"]
    page.goto(f"/ui/runs/{run_id}")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    page.evaluate("window.changes = 0; document.addEventListener('penstock:change', () => { window.changes += 1; })")
    held: list[Route] = []

    def hold(route: Route) -> None:  # Playwright notes things on its handlers, which a method of a list does not take
        held.append(route)

    page.route(re.compile(rf"/ui/runs/{run_id}$"), hold)
    for number in range(1, 4):
        served.seeded.services.notifier.publish(RunChanged(RunId(run_id), number, RuntimeState.RUNNING))
        page.wait_for_function("number => window.changes >= number", arg=number)
        page.wait_for_timeout(1000)  # longer than the pause that every page makes
        assert len(held) == 1
    held[0].continue_()
    deadline = time.monotonic() + 60
    while len(held) < 2:
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    held[1].continue_()


def test_a_hidden_tab_gives_up_its_stream_and_catches_up_when_it_is_shown(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["running"]
    page.goto(f"/ui/runs/{run_id}")
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")
    hide = """(isHidden) => {
      Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    page.wait_for_function(f"async () => (await {_PLACES}) === 0")
    services = served.seeded.services
    database = services.runs._database  # type: ignore[attr-defined]
    database.write_sync(lambda tx: tx.execute("UPDATE run SET state = 'PAUSED' WHERE run_id = :id", {"id": run_id}))
    services.notifier.publish(RunChanged(RunId(run_id), 3, RuntimeState.PAUSED))
    try:
        page.evaluate(hide, False)
        expect(page.locator("#run-head")).to_contain_text("Paused")
    finally:
        database.write_sync(lambda tx: tx.execute("UPDATE run SET state = 'RUNNING' WHERE run_id = :id", {"id": run_id}))


def test_hostile_names_logs_and_artifacts_stay_text_or_in_their_box(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["hostile"]
    evaluate = task(served, "hostile", "root/exit-handler-1/evaluate")
    for address in (
        "/ui/runs", "/ui/experiments/exp-hostile", f"/ui/runs/{run_id}", f"/ui/runs/{run_id}?task={evaluate}&tab=logs",
        f"/ui/runs/{run_id}?task={evaluate}&tab=visualizations", f"/ui/runs/{run_id}?view=output", f"/ui/compare?runs={run_id},{served.seeded.runs['good']}",
    ):  # fmt: skip
        page.goto(address)
        page.wait_for_load_state("load")
        for frame in page.frames[1:]:
            frame.wait_for_load_state("load")
        assert page.evaluate("window.hacked") is None, address
    page.goto(f"/ui/runs/{run_id}?view=output")
    box = page.frame_locator('iframe[sandbox="allow-scripts"]').first
    expect(box.locator("#t")).to_have_text("script ran in its box")
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("localStorage.length") == 0


def test_search_opens_by_keyboard_and_leads_to_a_run(page: Page, served: Served) -> None:
    page.goto("/ui/home")
    page.keyboard.press("Control+k")
    page.keyboard.type("baseline")
    expect(page.locator("#search-results .result").first).to_contain_text("digits baseline")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/ui/runs/{served.seeded.runs['good']}")


def test_rows_are_picked_and_acted_on_by_keyboard(page: Page, served: Served) -> None:
    page.goto("/ui/runs")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-bulk-count]")).to_have_text("2")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/ui/compare?runs=*")
    expect(page.locator(".run-chip")).to_have_count(2)
    page.keyboard.press("g")
    page.keyboard.press("x")
    page.wait_for_url("**/ui/executions")


def test_a_tag_without_a_name_is_asked_for_while_the_rows_stay_picked_and_tags_are_taken_off_again(page: Page, served: Served) -> None:
    page.goto("/ui/runs")
    for number in range(2):
        page.locator("[data-rows] tbody .pick input").nth(number).check()
    bar = page.locator("[data-bulk-bar]")
    bar.get_by_role("button", name="Add tag").click()
    expect(page.get_by_role("alert").filter(has_text="Name the tag to add: KEY or KEY=VALUE.")).to_be_visible()
    expect(bar.locator("[data-bulk-count]")).to_have_text("2")
    bar.get_by_label("Tag", exact=True).fill("checked=yes")
    bar.get_by_role("button", name="Add tag").click()
    expect(page.get_by_text("Tagged 2 of 2 runs.")).to_be_visible()
    served.seeded.actions.calls.clear()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Tags taken off 2 of 2 runs.")).to_be_visible()
    assert [(name, *rest) for name, (_, *rest) in served.seeded.actions.calls] == [("untag_run", {"checked": "yes"}, {})] * 2


def test_archiving_offers_undo(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["night-1"]
    page.goto(f"/ui/runs/{run_id}")
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("status").filter(has_text="Archived")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.get_by_role("status").filter(has_text="Restored")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").filter(has_text="Archived")).to_be_visible()
    assert [name for name, _ in served.seeded.actions.calls[-3:]] == ["archive_run", "unarchive_run", "archive_run"]


def test_deleting_what_the_trash_does_not_hold_asks_first(page: Page, served: Served) -> None:
    page.goto("/ui/pipelines/pipe-digits?tab=versions")
    before = len(served.seeded.actions.calls)
    page.get_by_role("row").filter(has_text="v1").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Cancel").last.click()
    assert len(served.seeded.actions.calls) == before


def test_a_new_run_shows_its_plan_and_starts(page: Page, served: Served) -> None:
    page.goto("/ui/runs/new?pipeline=pipe-digits")
    expect(page.locator("#plan")).to_contain_text("code changed")
    page.get_by_label("rates").fill("[0.5")
    expect(page.locator("textarea[aria-invalid=true]")).to_be_visible()
    page.get_by_label("rates").fill("[0.5]")
    page.get_by_text("Recurring", exact=True).click()
    expect(page.locator("#fires")).to_contain_text("Next times")
    page.get_by_text("One-off", exact=True).click()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(f"**/ui/runs/{served.seeded.runs['good']}")
    (request,) = next(arguments for name, arguments in reversed(served.seeded.actions.calls) if name == "create_run")
    assert request["parameters"] == {"rates": [0.5], "rows": 1797, "threshold": 0.95}


def test_theme_and_language_are_kept(page: Page) -> None:
    page.goto("/ui/runs")
    page.locator("#settings-menu > summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.locator("#user-menu > summary").click()
    page.get_by_role("button", name="한국어").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("heading", level=1)).to_have_text("실행")


def test_the_search_carries_out_commands_by_keyboard(page: Page) -> None:
    page.goto("/ui/runs")
    page.keyboard.press("Control+k")
    page.keyboard.type("dark theme")
    expect(page.get_by_role("option", name="Dark theme", exact=True, selected=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("#search")).to_be_hidden()
    assert page.url.endswith("/ui/runs")


PLACES = [
    "/ui/home", "/ui/pipelines", "/ui/pipelines/pipe-digits", "/ui/experiments", "/ui/experiments?metric=accuracy", "/ui/experiments/exp-rates", "/ui/runs", "/ui/runs/{good}", "/ui/runs/{failed}?task={task}&tab=logs",
    "/ui/runs/{good}?view=timeline", "/ui/runs/{good}?view=output", "/ui/runs/{good}?view=config", "/ui/runs/new?pipeline=pipe-digits", "/ui/recurring", "/ui/recurring/rec-nightly", "/ui/recurring/rec-nightly?from=2026-01-01T00:00&until=2026-01-09T00:00",
    "/ui/recurring/rec-run-finished?test=1", "/ui/recurring/rec-webhook", "/ui/recurring/new-trigger?pipeline=pipe-digits",
    "/ui/executions", "/ui/executions?group=cause", "/ui/runs?group=pipeline", "/ui/artifacts", "/ui/compare?runs={good},{failed}", "/ui/compare?runs={night-0},{good}",
    "/ui/pipelines/pipe-digits?tab=versions&a=ver-1&b=ver-2", "/ui/system", "/ui/search?q=digits", "/ui/help", "/ui/help/wandb",
    "/ui/logs", "/ui/logs?errors=1&q=status:failed", "/ui/runs/{failed}?task={task}&tab=environment", "/ui/runs/{good}?task={loop}&tab=io&by=train-model",
]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_have_no_accessibility_violations(page: Page, served: Served, theme: str) -> None:
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", *(["best-practice"] if theme == "light" else [])]
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    page.add_init_script(Path(AXE).read_text())
    found: dict[str, list[str]] = {}
    for place in PLACES:
        address = place.format(**served.seeded.runs, task=task(served, "failed", "root/exit-handler-1/for-loop-2[3]/train-model"), loop=task(served, "good", "root/exit-handler-1/for-loop-2"))
        page.goto(address)
        page.wait_for_load_state("load")
        result = page.evaluate(
            "(tags) => axe.run(document, {runOnly: tags, iframes: false})"
            ".then(r => r.violations.map(v => `${v.id}: ${v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | ')}`))",
            tags,
        )
        if result:
            found[address] = result
    assert found == {}


def test_high_contrast_is_seven_to_one_in_logs_and_on_buttons_that_destroy(page: Page, served: Served) -> None:
    rule = "axe.run(document, {runOnly: {type: 'rule', values: ['color-contrast-enhanced']}, rules: {'color-contrast-enhanced': {enabled: true}}, iframes: false}).then((found) => found.violations.flatMap((one) => one.nodes.map((node) => node.html)))"
    page.context.add_cookies([{"name": "penstock_theme", "value": "contrast", "url": served.url}])
    page.add_init_script(AXE.read_text())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        page.goto(f"/ui/runs/{served.seeded.runs['failed']}?task={task(served, 'failed', 'root/exit-handler-1/for-loop-2[3]/train-model')}&tab=logs")
        expect(page.locator(".log-line").last).to_be_visible()
        assert page.evaluate(rule) == [], scheme
        page.goto("/ui/recurring/rec-nightly")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("dialog").locator(".button.danger")).to_be_visible()
        assert page.evaluate(rule) == [], scheme


_FOR_FINGERS = """axe.run(document, {runOnly: {type: 'rule', values: ['target-size', 'scrollable-region-focusable']}, resultTypes: ['violations'], iframes: false})
.then((found) => found.violations.flatMap((one) => one.nodes.map((node) => `${one.id} ${node.target.join(' ')}`)))"""


def test_narrow_windows_do_not_scroll_sideways_and_can_be_worked_with_fingers(page: Page, served: Served) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.add_init_script(AXE.read_text())
    for place in PLACES:
        page.goto(place.format(**served.seeded.runs, task=task(served, "failed", "root/exit-handler-1/for-loop-2[3]/train-model"), loop=task(served, "good", "root/exit-handler-1/for-loop-2")))
        for window in (390, 720, 360):  # 720: a window of 1440 at 200 %
            page.set_viewport_size({"width": window, "height": 844})
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= window, (place, window)
        assert page.evaluate(_FOR_FINGERS) == [], place
        assert page.evaluate("document.getAnimations().filter((one) => one.playState === 'running' && one.effect.getComputedTiming().activeDuration > 50).length") == 0, place


def test_the_critical_path_is_told_and_the_rest_dims_and_buttons_walk_matches(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/{served.seeded.runs['good']}")
    on_path = page.locator(f"[data-node='{task(served, 'good', 'root/exit-handler-1/load-digits')}']")
    expect(on_path).to_be_visible()
    page.get_by_label("Critical path").check()
    expect(page.locator("#graph-path-text")).to_contain_text("load-digits")
    expect(page.locator("#graph-path-text")).to_contain_text("%")
    expect(on_path).to_have_class(re.compile("is-on-path"))
    expect(on_path).not_to_have_class(re.compile("is-dim"))
    assert page.locator(".node.is-dim").count() > 0
    page.get_by_label("Critical path").uncheck()
    expect(page.locator(".node.is-dim")).to_have_count(0)
    expect(page.locator("#graph-path-text")).to_be_hidden()
    expect(page.locator("#graph-search-next")).to_be_disabled()
    page.locator("#graph-search").fill("e")
    count = page.locator("#graph-search-count")
    every = "() => parseInt(document.querySelector('#graph-search-count').textContent) === document.querySelectorAll('.node.is-match').length + 6"
    page.wait_for_function(every)  # those that are drawn, five in the closed loop and one in the branch not taken
    drawn = page.locator(".node.is-match").count()
    assert drawn > 2
    page.locator("#graph-search-previous").click()
    expect(count).to_have_text(re.compile(rf"^{drawn + 6}/{drawn + 6} "))
    page.locator("#graph-search-next").click()
    expect(count).to_have_text(re.compile(rf"^1/{drawn + 6} "))


def test_single_keys_are_switched_off_and_given_other_keys(page: Page) -> None:
    page.goto("/ui/runs")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    dialog.get_by_label("Next row").fill("n")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    cursor = page.locator("[data-rows] tr.is-cursor")
    page.keyboard.press("j")
    expect(cursor).to_have_count(0)
    page.keyboard.press("n")
    expect(cursor).to_have_count(1)
    page.goto("/ui/executions")
    page.keyboard.press("n")
    expect(cursor).to_have_count(1)
    page.keyboard.press("?")
    dialog.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.goto("/ui/runs")
    for key in ("n", "j", "g", "x", "?"):
        page.keyboard.press(key)
    expect(cursor).to_have_count(0)
    expect(dialog).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Search")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_of_high_contrast_reaches_seven_to_one(page: Page, served: Served, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.add_init_script(Path(AXE).read_text())
    page.goto("/ui/runs")
    page.locator("#settings-menu > summary").click()
    page.get_by_role("button", name="High contrast").click()
    for place in ("/ui/runs", f"/ui/runs/{served.seeded.runs['failed']}?view=tasks"):
        page.goto(place)
        expect(page.locator("html")).to_have_attribute("data-theme", "contrast")
        found = page.evaluate(
            "axe.run(document, {runOnly: {type: 'rule', values: ['color-contrast-enhanced']}, rules: {'color-contrast-enhanced': {enabled: true}}})"
            ".then(r => r.violations.flatMap(v => v.nodes.map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? ''))))"
        )
        assert found == [], place


def test_parameters_go_from_form_to_yaml_and_back(page: Page, served: Served) -> None:
    page.goto("/ui/runs/new?pipeline=pipe-digits")
    page.get_by_label("rates").fill("[0.5, 0.25]")
    page.get_by_label("rows").fill("12")
    page.get_by_text("YAML", exact=True).click()
    text = page.get_by_label("Parameters as YAML")
    expect(text).to_have_value("rates:\n- 0.5\n- 0.25\nrows: 12\nthreshold: 0.95\n")
    text.fill("rows: many")
    page.get_by_text("Form", exact=True).click()
    expect(page.locator("#mode-problem")).to_contain_text("rows has to be a whole number")
    text.fill("lines: 3")
    page.get_by_text("Form", exact=True).click()
    expect(page.locator("#mode-problem")).to_contain_text("no parameter lines")
    text.fill("rows: 7\nrates: [1.5]")
    page.get_by_text("Form", exact=True).click()
    expect(page.get_by_label("rows")).to_have_value("7")
    expect(page.get_by_label("rates")).to_have_value("[1.5]")
    expect(page.get_by_label("threshold")).to_have_value("")
    expect(page.locator("#mode-problem")).to_be_hidden()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(f"**/ui/runs/{served.seeded.runs['good']}")
    (request,) = next(arguments for name, arguments in reversed(served.seeded.actions.calls) if name == "create_run")
    assert request["parameters"] == {"rows": 7, "rates": [1.5]}


def test_the_bell_counts_what_happened_since_the_last_look(page: Page, served: Served) -> None:
    page.goto("/ui/home")
    badge = page.locator("[data-news-badge]")
    expect(badge).to_have_text(re.compile("^[1-9]"))
    bell = page.locator("#news > summary")
    bell.press("Enter")
    failed = page.locator("#news .news-item").filter(has_text="digits with gaps in the data")
    expect(failed).to_contain_text("Run failed")
    expect(failed).to_contain_text("new")
    expect(page.locator("#news .news-item").filter(has_text="digits on metric")).to_contain_text("Trigger fired")
    expect(badge).to_be_hidden()
    page.goto("/ui/runs")
    bell.press("Enter")
    expect(failed).to_be_visible()
    expect(failed).not_to_contain_text("new")
    failed.press("Enter")
    page.wait_for_url(f"**/ui/runs/{served.seeded.runs['failed']}")


def test_many_pipelines_experiments_and_schedules_are_acted_on_at_once(page: Page, served: Served) -> None:
    for address, first, verb, asked in (
        ("/ui/experiments", "learning-rates", "Archive", "archive_experiment"),
        ("/ui/recurring", "nightly digits", "Disable", "disable_recurring"),
    ):
        page.goto(address)
        page.get_by_role("checkbox", name=f"Select {first}").check()
        page.get_by_role("checkbox", name="Select all").check()
        bar = page.locator("[data-bulk-bar]")
        count = int(bar.locator("[data-bulk-count]").inner_text())
        before = len(served.seeded.actions.calls)
        bar.get_by_role("button", name=verb).click()
        expect(page.locator("[data-notice]")).to_contain_text(verb)
        assert [name for name, _ in served.seeded.actions.calls[before:]] == [asked] * count
    page.goto("/ui/pipelines")
    page.get_by_role("checkbox", name="Select addition-pipeline").check()
    page.locator("[data-bulk-bar]").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("[data-notice]")).to_contain_text("Deleted.")
    assert served.seeded.actions.calls[-1] == ("delete_pipeline", ("pipe-add",))


def test_a_confusion_matrix_shows_shares_of_chosen_classes_and_a_curve_is_followed_by_threshold(page: Page, served: Served) -> None:
    page.goto("/ui/artifacts?tab=stored&q=type:Classification")
    page.locator("tbody a.name").first.click()
    matrix = page.locator("[data-matrix]")
    first = matrix.locator("tbody tr").first.locator("td").first
    expect(first).to_be_visible()
    counts = [float(text) for text in matrix.locator("tbody tr").first.locator("td").all_inner_texts()]
    matrix.get_by_label("Values").select_option("row")
    expect(first).to_have_text(f"{counts[0] / sum(counts) * 100:.1f} %")
    matrix.get_by_label("Values").select_option("count")
    expect(first).to_have_text(f"{counts[0]:g}")
    matrix.get_by_label("Classes shown").fill("3, 7")
    expect(matrix.locator("tbody tr:visible")).to_have_count(2)
    expect(matrix.locator("tbody td:visible")).to_have_count(4)
    curve = page.locator("figure.roc")
    slider = curve.get_by_label("Threshold")
    slider.focus()
    slider.press("End")
    expect(curve.locator("output")).to_contain_text("FPR 1, TPR 1")
    expect(curve.locator("[data-roc-mark]")).to_have_attribute("visibility", "visible")
    slider.press("Home")
    expect(curve.locator("output")).to_contain_text("FPR 0")
    curve.locator("[data-roc-curve]").click()
    expect(curve.locator("path.curve")).to_be_hidden()
    expect(curve.locator("output")).to_have_text("")


def test_a_clone_marks_values_that_are_no_longer_those_of_its_run(page: Page, served: Served) -> None:
    page.goto(f"/ui/runs/new?clone={served.seeded.runs['good']}")
    marks = page.locator("[data-differs]:visible")
    field = page.locator("input[type=number][name^='parameter:'], input[type=text][name^='parameter:']").first
    expect(marks).to_have_count(0)
    before = field.input_value()
    field.fill("7")
    expect(marks).to_have_count(1)
    field.fill(before)
    expect(marks).to_have_count(0)


def test_lines_of_a_log_are_copied_those_marked_or_all_of_the_stream_shown(page: Page, served: Served) -> None:
    run_id = served.seeded.runs["failed"]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/ui/executions?q=status:failed run:gaps")
    task = page.locator("tbody tr a.name").first.get_attribute("href")
    page.goto(f"{task}&tab=logs")
    lines = page.locator("[data-log-lines] .log-line")
    expect(lines.filter(has_text="Traceback")).to_be_visible()
    copy = page.get_by_role("button", name="Copy the lines marked, or all that are shown")
    page.get_by_label("Stream").select_option("stderr")
    copy.click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert "Traceback" in text
    assert "reading data" not in text
    page.get_by_label("Stream").select_option("")
    lines.filter(has_text="rows: 1797").locator(".log-number").click()
    copy.click()
    assert page.evaluate("navigator.clipboard.readText()") == "rows: 1797, features: 64"
    assert run_id in page.url
