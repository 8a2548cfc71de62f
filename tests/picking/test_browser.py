"""The page in a real browser, opened as a file: it plays, takes corrections by the keyboard alone, keeps and saves."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from picking.conftest import HOSTILE, Material, pick
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from xlpl_plugin.picking.table import Correction, read_corrections, read_table, write_table

# where it must not be skipped for want of a browser
REQUIRED = "XLPL_BROWSER"
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None and os.environ.get(REQUIRED) != "required":
        pytest.skip("no Chromium here; on Debian: apt-get install chromium")
    assert chromium, "no Chromium, and this machine must have one"
    with sync_playwright() as driver:
        # root, as in a container, has no sandbox
        yield driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])


@pytest.fixture
def folder(picked: Path, tmp_path: Path) -> Path:
    shutil.copytree(picked, tmp_path / "a folder, 100%")
    return tmp_path / "a folder, 100%"


@pytest.fixture(params=SIZES)
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    width, height = SIZES[request.param]
    made = browser.new_context(viewport={"width": width, "height": height})
    made.set_default_timeout(120_000)
    yield made
    made.close()


@pytest.fixture
def visit(context: BrowserContext, folder: Path) -> Iterator[Visit]:
    """Open the page; at the end nothing may have gone wrong in it, nor have been asked of a network."""
    wrong: list[str] = []
    asked: list[str] = []

    def go(file: Path = folder / "index.html") -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if is_wrong(message) else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        return page

    yield go
    assert not [url for url in asked if not url.startswith(("file:", "blob:"))]
    assert not wrong


def is_wrong(message: ConsoleMessage) -> bool:
    """Whether the page complains, of anything but the file that a test took away."""
    return message.type == "error" and "ERR_FILE_NOT_FOUND" not in message.text


def tab_to(page: Page, selector: str) -> None:
    """Go there as somebody without a mouse does."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never reaches {selector}")


def number_in_focus(page: Page) -> int:
    return int(page.evaluate("items.indexOf(document.activeElement.closest('li')) + 1"))


def save(page: Page, by: Callable[[], None], file: Path) -> Path:
    with page.expect_download() as download:
        by()
    assert download.value.suggested_filename == "corrected.tsv"
    download.value.save_as(file)
    return file


def retype(page: Page, text: str) -> None:
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.type(text)


def until(page: Page, condition: str) -> None:
    """Wait for a condition; the page's own policy forbids playwright to do so inside of it."""
    for _ in range(2400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {condition}; {page.inner_text('#status')}")


def plays(page: Page, number: int) -> None:
    """Wait until the sound of that utterance has moved on; a short one may have ended by then."""
    until(page, f"sound.currentSrc.endsWith(items[{number - 1}].dataset.url) && sound.currentTime > 0.15")


def test_all_of_it_by_the_keyboard_alone(visit: Visit, folder: Path, tmp_path: Path) -> None:
    page, rows = visit(), read_table(folder / "table.tsv")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab_to(page, "textarea")
    assert number_in_focus(page) == 1
    page.keyboard.press("Control+Space")
    plays(page, 1)
    retype(page, "  Sì,\u00a0la  casa </b> ")
    page.keyboard.press("Enter")
    plays(page, 2)  # the next one begins by itself
    assert number_in_focus(page) == 2
    page.keyboard.press("Enter")  # the label is right as it is
    page.keyboard.press("Control+Enter")  # nothing is said
    retype(page, "")
    page.keyboard.press("Enter")  # not to be understood
    assert "Number 4 is left out" in page.inner_text("#status")
    page.keyboard.press("Shift+Enter")
    assert number_in_focus(page) == 4
    page.keyboard.press("Shift+Enter")
    assert number_in_focus(page) == 3
    page.keyboard.press("Enter")  # it was something after all; on to the one that waits
    assert number_in_focus(page) == 5
    page.keyboard.press("Escape")
    assert page.evaluate("sound.paused")
    retype(page, "كتاب")
    page.keyboard.press("Enter")
    assert page.inner_text("#count").startswith("5 of 5 done, ")
    assert page.evaluate("document.activeElement.id") == "save"
    saved = save(page, lambda: page.keyboard.press("Enter"), tmp_path / "corrected.tsv")

    said = ["Sì, la casa </b>", rows[1].label, rows[2].label, "", "كتاب"]
    write_table(
        tmp_path / "expected.tsv", [replace(row, transcript=text) for row, text in zip(rows, said, strict=True)]
    )
    assert saved.read_bytes() == (tmp_path / "expected.tsv").read_bytes()
    assert read_corrections(saved)[rows[0].id] == Correction(("Sì,", "la", "casa", "</b>"))
    assert len(read_corrections(saved)) == 4
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_nothing_that_was_not_looked_at_is_saved(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    saved = save(page, lambda: page.keyboard.press("Control+S"), tmp_path / "corrected.tsv")
    assert read_corrections(saved) == {}
    page.locator("textarea").first.fill("typed, but not called right")
    assert read_corrections(save(page, page.get_by_role("button", name="Save table").click, saved)) == {}
    page.get_by_role("button", name="Right").first.click()
    assert len(read_corrections(save(page, page.get_by_role("button", name="Save table").click, saved))) == 1
    page.locator("textarea").first.press("x")  # changed again: right no longer
    assert read_corrections(save(page, page.get_by_role("button", name="Save table").click, saved)) == {}


def test_a_closed_tab_loses_nothing(visit: Visit, context: BrowserContext, tmp_path: Path) -> None:
    page = visit()
    page.locator("textarea").nth(0).fill("fatto")
    page.get_by_role("button", name="Right").nth(0).click()
    page.get_by_role("button", name="Nothing is said").nth(1).click()
    page.locator("textarea").nth(2).fill("half do")
    before = save(page, lambda: page.keyboard.press("Control+S"), tmp_path / "before.tsv").read_bytes()
    page.close()
    page = visit()
    assert page.locator("textarea").nth(2).input_value() == "half do"
    assert page.locator(".state").all_inner_texts() == ["done", "nothing is said", "", "", ""]
    assert save(page, lambda: page.keyboard.press("Control+S"), tmp_path / "after.tsv").read_bytes() == before
    page.get_by_role("button", name="Undo").first.click()
    page.reload()
    until(page, "[...document.querySelectorAll('.state')].map(one => one.innerText).join() == ',nothing is said,,,'")


def test_other_utterances_are_kept_apart(visit: Visit, material: Material, tmp_path: Path) -> None:
    page = visit()
    page.locator("textarea").nth(0).fill("fatto")
    pick(material, tmp_path / "other", minutes=0.05)
    other = visit(tmp_path / "other" / "index.html")
    assert "fatto" not in [field.input_value() for field in other.locator("textarea").all()]


def test_an_earlier_table_is_taken_in_again(visit: Visit, folder: Path, tmp_path: Path) -> None:
    page, rows = visit(), read_table(folder / "table.tsv")
    texts = ["uno due", "–", "", "", "tre"]
    table = [replace(row, transcript=text) for row, text in zip(rows, texts, strict=True)]
    write_table(tmp_path / "before.tsv", [*table, replace(rows[0], id="strange", transcript="x")])
    page.set_input_files("#file", tmp_path / "before.tsv")
    until(page, "document.getElementById('status').textContent.startsWith('3 transcripts')")
    assert page.inner_text("#status") == "3 transcripts were taken from before.tsv; 1 rows are not of this page."
    saved = save(page, lambda: page.keyboard.press("Control+S"), tmp_path / "after.tsv")
    write_table(tmp_path / "expected.tsv", [replace(table[0]), replace(table[1], transcript="-"), *table[2:]])
    assert saved.read_bytes() == (tmp_path / "expected.tsv").read_bytes()
    (tmp_path / "notes.tsv").write_text("some\ttext\n")
    page.set_input_files("#file", tmp_path / "notes.tsv")
    until(page, "document.getElementById('status').textContent.startsWith('notes.tsv has no columns')")


def test_text_from_elsewhere_does_no_harm_and_reads_its_own_way(visit: Visit, folder: Path) -> None:
    page, rows = visit(), read_table(folder / "table.tsv")
    assert page.title() == "Correct 5 utterances"
    assert [field.input_value() for field in page.locator("textarea").all()] == [row.label for row in rows]
    assert any(HOSTILE in row.label for row in rows)
    arabic = next(number for number, row in enumerate(rows) if "كتاب" in row.label)
    ways = [page.locator("textarea").nth(n).evaluate("field => getComputedStyle(field).direction") for n in range(5)]
    assert ways == ["rtl" if number == arabic else "ltr" for number in range(5)]


def test_every_sound_plays_and_a_missing_one_is_told(visit: Visit, folder: Path) -> None:
    rows = read_table(folder / "table.tsv")
    (folder / rows[0].audio).unlink()
    page = visit()
    for number in range(2, 6):
        page.get_by_role("button", name=f"Listen to number {number}").click()
        plays(page, number)
    page.select_option("#speed", "0.6")
    assert page.evaluate("sound.playbackRate") == 0.6
    page.get_by_role("button", name="Listen to number 5").click()
    assert page.evaluate("sound.paused")
    page.get_by_role("button", name="Listen to number 1").click()
    until(page, "document.getElementById('status').textContent.includes('cannot be played')")


def test_every_control_has_a_name(visit: Visit) -> None:
    page = visit()
    lines = [line.strip(" -") for line in page.locator("body").aria_snapshot().splitlines()]
    controls = [line for line in lines if re.match("button|textbox|combobox|progressbar", line)]
    assert len(controls) > 20
    assert not [line for line in controls if not re.match(r'\w+ "\w', line)]


CONTRAST = """selector => {
  const light = (colour) => {
    const part = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((value) => part(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    const colour = getComputedStyle(node).backgroundColor;
    return colour.startsWith("rgba(0, 0, 0, 0") && node.parentElement ? behind(node.parentElement) : colour;
  };
  return [...document.querySelectorAll(selector)].filter((node) => node.offsetParent).map((node) => {
    const [high, low] = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(visit: Visit, scheme: Any) -> None:
    page = visit()
    page.emulate_media(color_scheme=scheme)
    page.get_by_role("button", name="Right").first.click()
    page.locator("textarea").nth(1).fill("")
    page.get_by_role("button", name="Right").nth(1).click()
    ratios = page.evaluate(
        CONTRAST, "h1, p, summary, kbd, button, select, textarea, .state, .soft, bdi, strong, #count"
    )
    assert len(ratios) > 30
    assert min(ratios) >= 4.5
