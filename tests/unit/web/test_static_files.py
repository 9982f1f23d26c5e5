"""What the pages load besides themselves: served compressed, and small (docs/web.md)."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from penstock.web.assets import modules as static_modules
from penstock.web.assets.files import static_app
from penstock.web.assets.modules import check_form, joined, module_order, page_script, preloads, scripts_of
from penstock.web.assets.urls import BUNDLES, STATIC, static_url

SHELL_BYTES = 300_000
SCRIPTS = sorted({name for path in (STATIC.parent / "pages").rglob("*.py") for names in re.findall(r"scripts=\(([^)]*)\)", path.read_text()) for name in re.findall(r'"(\w+)"', names)})
"""Names that pages give to their frames."""
CODE = {".css", ".js", ".svg"}
CHARTS = {"vega.min.js", "vega-lite.min.js", "vega-interpreter.js"}
LATER = CHARTS | {"vega_view.js", "vega_fill.js", "report_export.js", "image_viewer.js", "panel_range.js", "reader.js", "in_space.js", "space.js", "solid_files.js", "textures.js", "molecules.js", "blocks.js", "layout_worker.js"}
"""Loaded when a graph has many boxes, when a custom chart, a text or something in space comes into view, when an image is opened, or a report with custom charts is exported, not before."""


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
    assert {path.name for path in (STATIC / "vendor").iterdir()} >= CHARTS, "fetch them: python hatch_build.py"
    for script in (STATIC / "js").glob("*.js"):
        assert not CHARTS & {address.rpartition("/")[2] for address in preloads((script.stem,))}
    for script in SCRIPTS:
        assert not LATER & {path.name for path in module_order(("shell", script))}


async def test_a_client_that_takes_no_compression_gets_the_file_as_it_is() -> None:
    answer = await client().get(static_url("icons.svg"), headers={"accept-encoding": "identity"})
    assert answer.content == (STATIC / "icons.svg").read_bytes()
    assert "content-encoding" not in answer.headers


def test_the_modules_of_a_page_are_one_script_each_after_those_that_it_imports() -> None:
    for script in SCRIPTS:
        order = [path.stem for path in module_order(("shell", script))]
        assert {script, "shell", "dom"} <= set(order)
        for name in order:
            text = (STATIC / "js" / f"{name}.js").read_text()
            imported = re.findall(r'^import [^"]*"\./(\w+)\.js"', text, re.MULTILINE)
            assert all(order.index(other) < order.index(name) for other in imported), name
        text = joined(scripts_of(page_script((script,))))
        assert all(text.count(f"const ${name} = (() => {{") == 1 for name in order)
        assert not re.search(r'^(?:export|import (?!\*))|from "\./', text, re.MULTILINE)


async def test_the_script_of_a_page_is_served_and_no_other_name_is() -> None:
    answer = await client().get(static_url(page_script(("workspace", "table"))))
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.text == joined(("shell", "workspace", "table"))
    for name in ("js/+shell+nothing.js", "js/+workspace.js", "js/+shell+../js/table.js", "js/+shell+shell.js", "js/+shell+table+.js"):
        assert (await client().get(static_url(name))).status_code == 404, name


def test_what_modules_take_of_others_is_fetched_beside_them() -> None:
    assert [address.rpartition("/")[2] for address in preloads(("workspace", "table"))] == ["uPlot.esm.js"]
    assert [address.rpartition("/")[2] for address in preloads(("run", "graph"))] == ["dagre.esm.js"]
    assert 'import * as $outside0 from "../vendor/dagre.esm.js";\n' in joined(("graph",))


@pytest.mark.parametrize("text", ["export default 3;\n", 'export { a } from "./dom.js";\n', 'import * as all from "./dom.js";\n', "export let a = 1;\n"])
def test_a_module_that_cannot_be_joined_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"odd\.js cannot be joined"):
        check_form("odd.js", text)


def test_modules_that_import_each_other_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_modules, "_FOLDER", tmp_path)
    for one, other in (("first", "second"), ("second", "first")):
        (tmp_path / f"{one}.js").write_text(f'import {{ {other} }} from "./{other}.js";\nexport const {one} = 1;\n')
    with pytest.raises(ValueError, match=r"first\.js imports itself by way of second\.js"):
        module_order(("first",))


async def test_what_every_page_needs_comes_as_one_file() -> None:
    for name, parts in BUNDLES.items():
        answer = await client().get(static_url(name))
        assert answer.headers["content-type"].startswith("text/css" if name.endswith(".css") else "text/javascript")
        assert answer.content == b"\n".join((STATIC / part).read_bytes() for part in parts)
