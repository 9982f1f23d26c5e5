"""Runs side by side: pictures and documents in columns that the reader chooses, one scroll and one step for all of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from penstock.domain.ids import RunId, TaskPath, task_id_for
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.sql.database import Transaction, open_database
from tests.browser.app import build
from tests.browser.conftest import Served, serving
from tests.browser.seed import Seeder, insert

TASK = "root/exit-handler-1/evaluate"


def png(shade: int) -> bytes:
    """A grey picture of 8 by 6 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([shade]) * 8 for _ in range(6))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 6, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def put_out(seeder: Seeder, run_id: str, shade: int, folder: Path) -> None:
    """Give the run a picture, a folder of pictures by epoch, and a long document; that of the second run is too large to load unasked."""
    task_id = str(task_id_for(RunId(run_id), TaskPath(TASK)))
    seeder.artifact(run_id, task_id, "picture", "system.Artifact", 1.0, data=png(shade))
    lines = b"".join(b"<p>line %d</p>" % number for number in range(300))
    seeder.artifact(run_id, task_id, "page", "system.HTML", 1.0, data=lines)
    seeder.artifact(run_id, task_id, "large", "system.HTML", 1.0, data=b"<h1>large</h1><!--" + b"x" * (11 << 20) + b"-->")
    folder.mkdir()
    for epoch in range(3):
        (folder / f"epoch_{epoch}.png").write_bytes(png(shade + 20 * epoch))
    tree = seeder.blobs.put_path(folder, move=False)
    number = seeder.number()
    insert(
        seeder.tx, "artifact", artifact_id=number, run_id=run_id, task_id=task_id, name="plots", output_key="plots", type="system.Artifact",
        uri="minio://x/plots", digest=tree.digest, size_bytes=100, is_directory=1, metadata={}, created_at=1.0,
    )  # fmt: skip
    seeder.use(run_id, task_id, number, "output", "plots", 1.0)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A site of which two runs have pictures."""
    data = tmp_path_factory.mktemp("site")
    seeded = build(data)
    blobs = LocalBlobStore(data / "blobs")

    def write(tx: Transaction) -> None:
        seeder = Seeder(tx, data, blobs, 1.0, next_id=10_000_000)
        for label, shade in (("good", 40), ("night-0", 120)):
            put_out(seeder, seeded.runs[label], shade, data / f"plots-{label}")

    open_database(f"sqlite:///{data / 'penstock.db'}").write_sync(write)
    with serving(seeded.app) as url:
        yield Served(url, seeded)


def address(served: Served, **more: Any) -> str:
    runs = ",".join(served.seeded.runs[label] for label in ("good", "night-0", "failed"))
    return f"/ui/compare?runs={runs}" + "".join(f"&{name}={value}" for name, value in more.items())


def test_pictures_of_runs_stand_side_by_side_in_as_many_columns_as_the_reader_wants(page: Page, served: Served) -> None:
    page.goto(address(served))
    shelf = page.get_by_role("region", name="Side by side: evaluate → picture")
    expect(shelf.locator("h3")).to_have_text(["digits baseline", "nightly digits-1"])
    expect(shelf.locator("img")).to_have_count(2)
    shelf.scroll_into_view_if_needed()
    expect(shelf.locator("img").nth(1)).to_have_js_property("naturalWidth", 8)
    expect(page.locator("#shelf-image")).to_contain_text("not in")
    first, second = (shelf.locator(".shelf-cell").nth(place).bounding_box() for place in (0, 1))
    assert first and second and first["y"] == second["y"]
    page.get_by_role("group", name="Columns").get_by_role("link", name="1", exact=True).click()
    first, second = (shelf.locator(".shelf-cell").nth(place).bounding_box() for place in (0, 1))
    assert first and second and first["x"] == second["x"]
    assert "columns=1" in page.url
    page.reload()
    expect(shelf).to_have_attribute("data-columns", "1")
    shelf.get_by_role("link", name="picture").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Zoom")


def test_one_step_moves_the_pictures_of_all_runs_and_stands_in_the_address(page: Page, served: Served) -> None:
    page.goto(address(served))
    shelf = page.get_by_role("region", name="Side by side: evaluate → plots")
    expect(shelf.locator(".shelf-piece:visible")).to_contain_text(["epoch_2.png", "epoch_2.png"])
    slider = page.get_by_role("slider", name="Step")
    slider.press("ArrowLeft")
    expect(shelf.locator(".shelf-piece:visible")).to_contain_text(["epoch_1.png", "epoch_1.png"])
    page.wait_for_url("**step=1")
    page.reload()
    expect(shelf.locator(".shelf-piece:visible")).to_contain_text(["epoch_1.png", "epoch_1.png"])
    expect(page.get_by_role("slider", name="Step")).to_have_value("1")


def test_documents_scroll_together_until_the_reader_says_otherwise_and_large_ones_ask_first(page: Page, served: Served) -> None:
    page.goto(address(served))
    shelf = page.get_by_role("region", name="Side by side: evaluate → page")
    shelf.scroll_into_view_if_needed()
    frames = [shelf.locator("iframe").nth(place) for place in (0, 1)]
    for frame in frames:
        expect(frame.content_frame.locator("p").last).to_have_text("line 299")
    place = "document.scrollingElement.scrollTop"
    first, second = (handle.content_frame() for frame in frames if (handle := frame.element_handle()))
    assert first and second
    first.evaluate("document.scrollingElement.scrollTop = 1500")
    second.wait_for_function(f"Math.abs({place} - 1500) < 3")
    page.get_by_label("Scroll together").uncheck()
    page.wait_for_timeout(200)  # what the last scroll still tells
    second.evaluate("document.scrollingElement.scrollTop = 10")
    page.wait_for_timeout(200)
    assert first.evaluate(place) == pytest.approx(1500, abs=3)
    large = page.get_by_role("region", name="Side by side: evaluate → large")
    expect(large.locator("iframe")).to_have_count(0)
    large.get_by_role("button", name="Show it here anyway").first.click()
    expect(large.locator("iframe").content_frame.locator("h1")).to_have_text("large")


def test_a_comparison_of_twenty_runs_stays_inside_a_narrow_window(chromium: Browser, served: Served) -> None:
    runs = ",".join(list(served.seeded.runs.values())[:20])
    context = chromium.new_context(base_url=served.url, viewport={"width": 390, "height": 844}, locale="en-US")
    tab = context.new_page()
    tab.goto(f"/ui/compare?runs={runs}")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    row = tab.locator("table.beside tbody tr:has(> td:nth-of-type(2))").first
    row.scroll_into_view_if_needed()
    labels = row.locator("td").evaluate_all("cells => cells.map(cell => cell.dataset.label)")
    assert labels == tab.locator("table.beside").first.locator("thead a").all_text_contents()
    wide = "boxes => boxes.filter(box => box.querySelector('.beside') && box.scrollWidth > box.clientWidth + 1).length"
    assert tab.locator(".compare-box").evaluate_all(wide) == 0
    context.close()
