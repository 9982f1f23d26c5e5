"""Takes a picture of every page: `scripts/screenshots [--out shots] [--url URL | --seeded] [--only NAME] [--whole] [--width 720] [--theme dark]`.

Light and dark, 1440 and 390 px wide unless `--width` says otherwise (720 is 1440 at a zoom of 200 %, 360 the narrowest that is supported).

Without `--url` a server is started and filled by the real clients: the demonstration and the programs of `tests/browser/filled.py` (some five
minutes, more when their environments are built). With it a running server is visited. The newest run, pipeline, project, flow and so on
stand for their kind; what opens over the pages (menus, dialogs, bars) is opened. A second server, which holds nothing, and a third, which asks
for a key, give the first pages that people see. `--readme` writes the pictures of the README instead. `--seeded` serves the database of the browser tests instead: quick, but without tracked runs and flows. Needs
Debian's chromium and the development tools.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, sync_playwright  # noqa: A004 - its own name

from tests.browser.app import build
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.filled import fill
from tests.browser.places import Place, places, prepare
from tests.browser.readme_pictures import PICTURES, write_readme_pictures
from tests.browser.states import refused, states
from tests.support.server import LiveServer

ROOT = Path(__file__).parents[2]
SIZES = ((1440, 900), (390, 844))


def serve(folder: Path) -> str:
    """Serve the seeded pages on a free port until the process ends; return the address."""
    server = uvicorn.Server(uvicorn.Config(build(folder).app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    started = threading.Event()
    original = server.startup

    async def startup(sockets: object = None) -> None:
        await original()
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    threading.Thread(target=server.run, daemon=True).start()
    started.wait(30)
    return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


@contextmanager
def visited(options: argparse.Namespace) -> Iterator[str]:
    """Address of the server that the options ask for."""
    with TemporaryDirectory() as folder:
        if options.url:
            yield options.url
        elif options.seeded:
            yield serve(Path(folder))
        else:
            with LiveServer(Path(folder) / "data", env={"PENSTOCK_EXECUTOR_LEAVE_RUNNING": "false"}) as server:
                fill(server, Path(folder), lambda what: sys.stdout.write(f"filling: {what}\n") and sys.stdout.flush())
                yield server.url


@contextmanager
def bare(options: argparse.Namespace) -> Iterator[dict[str, Place]]:
    """Places of a server that holds nothing yet, and of one that asks for a key; none with `--url` and `--seeded`."""
    if options.url or options.seeded:
        yield {}
        return
    with TemporaryDirectory() as folder, LiveServer(Path(folder) / "new") as new, LiveServer(Path(folder) / "guarded", flags=("--host", "0.0.0.0")) as guarded:
        # Bound to every interface, a server asks for a key.
        names = ("home", "pipelines", "experiments", "runs", "recurring", "executions", "artifacts", "projects", "registry", "trash")
        places = {f"bare-{name}": Place(f"{new.url}/ui/{name}") for name in names} | {"bare-flows": Place(f"{new.url}/flows")}
        places |= {"bare-archived": Place(f"{new.url}/ui/runs?tab=archived"), "sign-in": Place(f"http://127.0.0.1:{guarded.port}/ui/runs")}
        yield places | refused(guarded)


@dataclass(frozen=True)
class Form:
    """Width and theme of a picture."""

    width: int
    height: int
    theme: str


def take(browser: Browser, places: Mapping[str, Place], form: Form, options: argparse.Namespace) -> None:
    """Take the picture of every place in one form, as `NAME-THEME-WIDTH.png`."""
    context = browser.new_context(
        viewport={"width": form.width, "height": form.height}, color_scheme=form.theme, reduced_motion="reduce", locale="en-US"
    )
    for name, place in places.items():
        if options.only and not any(part in name for part in options.only):
            continue
        with visit(context, place) as page:
            try:
                prepare(page, place)
            except TimeoutError as missing:
                sys.stdout.write(f"{name}: {str(missing).splitlines()[0]}\n")
            page.wait_for_timeout(300 if place.steps else 0)
            page.screenshot(path=options.out / f"{name}-{form.theme}-{form.width}.png", full_page=options.whole)
    context.close()


@contextmanager
def visit(context: BrowserContext, place: Place) -> Iterator[Page]:
    """Open a place as its reader does, and leave no trace of it."""
    context.add_cookies([{"name": name, "value": value, "url": place.address} for name, value in place.cookies])
    page = context.new_page()
    if place.held:
        page.route(place.held, lambda _: None)
    if place.refused:
        page.route(place.refused, lambda route: route.fulfill(status=503, json={"error": "The database is busy.", "request_id": "4f1c22a09b7d"}))
    page.goto(place.address)
    page.wait_for_load_state("load")
    page.wait_for_timeout(500)
    yield page
    page.close()
    context.clear_cookies()


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "shots")
    parser.add_argument("--url")
    parser.add_argument("--seeded", action="store_true", help="the database of the browser tests")
    parser.add_argument("--only", action="append", help="only pages whose name contains this; may be repeated")
    parser.add_argument("--whole", action="store_true", help="the whole page, not only what a window shows")
    parser.add_argument("--width", type=int, action="append", help="instead of 1440 and 390; may be repeated")
    parser.add_argument("--theme", choices=("light", "dark"), action="append", help="instead of both")
    parser.add_argument("--readme", action="store_true", help="the pictures of the README, into docs/pictures, and no others")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sizes = [(width, 900) for width in options.width] if options.width else SIZES
    with visited(options) as url, bare(options) as others, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        pages = places(url)
        found = {name: replace(place, address=url + place.address) for name, place in (pages | states(url, pages)).items()}
        if options.readme:
            write_readme_pictures(browser, found)
        else:
            for theme in options.theme or ("light", "dark"):
                for width, height in sizes:
                    take(browser, found | others, Form(width, height, theme), options)
        browser.close()
    sys.stdout.write(f"pictures in {PICTURES if options.readme else options.out}\n")


if __name__ == "__main__":
    main()
