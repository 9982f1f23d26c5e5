"""What the pages load besides themselves: served compressed, and small (docs/web.md)."""

from __future__ import annotations

import gzip
import re

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from penstock.web.static_files import static_app
from penstock.web.static_urls import BUNDLES, STATIC, module_urls, static_url

SHELL_BYTES = 300_000
CODE = {".css", ".js", ".svg"}
LATER = {"vega.min.js", "vega-lite.min.js", "vega-interpreter.js"}
"""Loaded when a custom chart comes into view, not before."""


def client() -> httpx.AsyncClient:
    application = Starlette(routes=[Mount("/static", app=static_app())])
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://pages")


async def test_all_scripts_styles_and_icons_together_stay_below_the_budget_of_the_shell() -> None:
    total = 0
    for path in sorted(path for path in STATIC.rglob("*") if path.suffix in CODE):
        request = client().stream("GET", static_url(str(path.relative_to(STATIC))), headers={"accept-encoding": "gzip"})
        async with request as response:
            body = b"".join([piece async for piece in response.aiter_raw()])
            assert response.status_code == 200
            is_compressed = response.headers.get("content-encoding") == "gzip"
            assert is_compressed or path.stat().st_size < 500, path
            assert (gzip.decompress(body) if is_compressed else body) == path.read_bytes()
        total += 0 if path.name in LATER else len(body)
    assert total < SHELL_BYTES


def test_no_page_asks_for_the_libraries_of_custom_charts_before_there_is_one() -> None:
    assert {path.name for path in (STATIC / "vendor").iterdir()} >= LATER, "fetch them: python hatch_build.py"
    for script in (STATIC / "js").glob("*.js"):
        assert not LATER & {address.rpartition("/")[2] for address in module_urls((script.stem,))}


async def test_a_client_that_takes_no_compression_gets_the_file_as_it_is() -> None:
    answer = await client().get(static_url("icons.svg"), headers={"accept-encoding": "identity"})
    assert answer.content == (STATIC / "icons.svg").read_bytes()
    assert "content-encoding" not in answer.headers


def test_a_page_names_every_module_that_its_scripts_import() -> None:
    names = {address.rpartition("/")[2] for address in module_urls(("workspace",))}
    assert {"board.js", "panel_line.js", "uPlot.esm.js", "dom.js", "live.js", "keys.js", "news.js"} <= names
    assert not names & {"workspace.js", "shell.js", "dagre.esm.js"}
    for script in (STATIC / "js").glob("*.js"):
        known = {address.rpartition("/")[2] for address in module_urls((script.stem,))} | {script.name, "shell.js"}
        assert set(re.findall(r'(?:from|import) "\.[\w./]*/([\w.]+)"', script.read_text())) <= known


async def test_what_every_page_needs_comes_as_one_file() -> None:
    for name, parts in BUNDLES.items():
        answer = await client().get(static_url(name))
        assert answer.headers["content-type"].startswith("text/css" if name.endswith(".css") else "text/javascript")
        assert answer.content == b"\n".join((STATIC / part).read_bytes() for part in parts)
