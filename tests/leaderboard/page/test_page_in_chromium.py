"""The HTML page in a real browser: sorted, searched, drilled into, on a phone, in the dark, and looked at."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.aggregate import aggregate
from leaderboard.page import render_page
from leaderboard.record import AttackResult, EvaluatedSet, Record

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

PATIENCE = 20_000
"""Milliseconds; on a busy machine a click takes seconds."""

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")

ACCURACIES = {"vanilla": 80.0, "roast": 85.5, "sam": 9.5, "smart": None, "freelb": 83.25}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page_file(
    tmp_path: Path,
    record_factory: Callable[..., Record],
    attack_factory: Callable[..., AttackResult],
    set_factory: Callable[..., EvaluatedSet],
) -> Path:
    """Five rows of one task and two of another."""
    score = record_factory().scores["acc_in"]
    records = [
        record_factory(
            method,
            scores={"acc_in": accuracy},
            hyper_parameters={"alpha": 0.6} if method == "roast" else {},
            attacks=(attack_factory(),),
            set_scores={"imdb": {"accuracy": score.model_copy(update={"value": 71.25})}},
        )
        for method, accuracy in ACCURACIES.items()
    ]
    records += [record_factory(name, task="zebra") for name in ("vanilla", "<img src=x onerror=window.hacked=1>")]
    path = tmp_path / "leaderboard.html"
    path.write_text(render_page(aggregate(records)), encoding="utf-8")
    return path


@pytest.fixture
def open_page(browser: Any, page_file: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page; afterwards nothing may have been complained about or loaded."""
    contexts = []
    complaints: list[str] = []

    def opened(fragment: str = "", **options: Any) -> Any:
        context = browser.new_context(**{"viewport": DESKTOP, "color_scheme": "light", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: complaints.append(request.url) if "file:" not in request.url else None)
        page.goto(page_file.as_uri() + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def expect_methods(page: Any, names: list[str]) -> None:
    """Waits, for the table is drawn anew a moment after a click."""
    from playwright.sync_api import expect

    expect(page.locator(".panel:visible tbody th button.open")).to_have_text(names)


def expect_sorted(page: Any, name: str, direction: str) -> None:
    from playwright.sync_api import expect

    expect(heading(page, name)).to_have_attribute("aria-sort", direction)


def heading(page: Any, name: str) -> Any:
    return page.locator(".panel:visible table.leaderboard thead th").filter(has_text=name).first


def test_sorting_puts_the_best_first_and_the_undefined_last(open_page: Callable[..., Any]) -> None:
    page = open_page()
    defined = sorted((name for name, value in ACCURACIES.items() if value is not None), key=lambda m: ACCURACIES[m])
    heading(page, "acc_in").click()
    expect_methods(page, [*defined[::-1], "smart‡"])
    expect_sorted(page, "acc_in", "descending")
    heading(page, "acc_in").click()
    expect_methods(page, [*defined, "smart‡"])
    heading(page, "rank").click()
    expect_sorted(page, "rank", "ascending")
    heading(page, "method").click()
    expect_methods(page, ["freelb", "roast", "sam", "smart‡", "vanilla"])


def test_keyboard_alone_sorts_unfolds_and_changes_tabs(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.locator(".panel:visible input[type=search]").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect_sorted(page, "method", "ascending")
    opener = page.locator(".panel:visible button.open").first
    opener.focus()
    page.keyboard.press("Enter")
    assert opener.get_attribute("aria-expanded") == "true"
    page.locator("[role=tab][aria-selected=true]").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("[role=tab][aria-selected=true]").inner_text().split() == ["zebra", "minilm"]
    assert page.locator(".panel:visible").count() == 1
    assert page.evaluate("location.hash") == "#zebra-minilm"


def test_search_looks_through_methods_and_hyper_parameters(open_page: Callable[..., Any]) -> None:
    page = open_page()
    by_rank = page.locator(".panel:visible tbody th button.open").all_inner_texts()
    assert len(by_rank) == len(ACCURACIES)
    box = page.locator(".panel:visible input[type=search]")
    box.fill("fre")
    expect_methods(page, ["freelb"])
    box.fill("alpha")
    expect_methods(page, ["roast"])
    assert page.locator(".panel:visible .dt-info").inner_text() == "Shown: 1 of 5"
    box.fill("nothing like it")
    assert page.get_by_text("No row matches.").is_visible()
    box.fill("")
    expect_methods(page, by_rank)


def test_drilling_down_shows_sets_attacks_and_where_numbers_come_from(open_page: Callable[..., Any]) -> None:
    page = open_page()
    opener = page.get_by_role("button", name="roast", exact=True)
    opener.click()
    unfolded = page.locator("td.unfolded")
    for text in (
        "imdb",
        "71.25",
        "deepwordbug (100 texts, ≤200 queries, seed 0) on sst2",
        "alpha",
        "0.6",
        "0123456789",
    ):
        assert unfolded.get_by_text(text).first.is_visible()
    heading(page, "acc_in").click()
    assert unfolded.is_visible(), "sorting leaves it open"
    above = unfolded.locator("xpath=ancestor::tr/preceding-sibling::tr[1]")
    assert "roast" in above.inner_text()
    opener.click()
    assert unfolded.count() == 0


def test_an_address_leads_to_a_tab_and_to_a_row(open_page: Callable[..., Any]) -> None:
    page = open_page("#zebra-minilm")
    assert page.locator(".panel:visible h2").inner_text().split() == ["zebra", "minilm"]
    row = page.locator(".panel:visible button.open").last.get_attribute("aria-controls")
    again = open_page(f"#{row}")
    assert again.locator(".panel:visible h2").inner_text().split() == ["zebra", "minilm"]
    assert again.locator("td.unfolded").is_visible()


def test_light_and_dark_follow_the_system_until_the_reader_chooses(open_page: Callable[..., Any]) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        pixels = looked_at(page)
        brightness[scheme] = np.median(pixels)
        page.locator("#theme").click()
        brightness[f"{scheme}, changed"] = np.median(looked_at(page))
        page.reload()
        brightness[f"{scheme}, remembered"] = np.median(looked_at(page))
    bright, dark = 230, 50
    assert min(brightness["light"], brightness["dark, changed"], brightness["dark, remembered"]) > bright
    assert max(brightness["dark"], brightness["light, changed"], brightness["light, remembered"]) < dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(open_page: Callable[..., Any], scheme: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1 or more."""
    page = open_page(color_scheme=scheme)
    page.locator(".panel:visible button.open").first.click()
    for selector in ("body", "header p", ".notes li", "nav a", "button.open", "thead th", "footer p", ".unfolded td"):
        colors = page.locator(selector).first.evaluate(
            """element => {
                 let behind = element;
                 while (behind && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)")
                   behind = behind.parentElement;
                 return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
               }"""
        )
        assert contrast(*colors) >= 4.5, f"{selector}: {colors}"


def test_a_phone_scrolls_tables_but_not_the_page(open_page: Callable[..., Any]) -> None:
    page = open_page(viewport=PHONE)
    page.locator(".panel:visible button.open").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    scrolled = page.locator(".panel:visible .scrolled")
    assert scrolled.evaluate("element => element.scrollWidth > element.clientWidth")
    scrolled.evaluate("element => element.scrollTo(400, 0)")
    box = page.locator(".panel:visible tbody th").first.bounding_box()
    assert box["x"] >= 0, "the methods stay in sight"
    unfolded = page.locator("td.unfolded > section").bounding_box()
    assert unfolded["x"] >= 0
    assert unfolded["x"] + unfolded["width"] <= PHONE["width"]


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_the_heading_of_a_long_table_stays_in_view(
    browser: Any, tmp_path: Path, record_factory: Callable[..., Record], viewport: dict[str, int]
) -> None:
    records = [record_factory(f"method-{number:02}") for number in range(60)]
    path = tmp_path / "long.html"
    path.write_text(render_page(aggregate(records)), encoding="utf-8")
    page = browser.new_page(viewport=viewport)
    page.goto(path.as_uri())
    scrolled = page.locator(".scrolled:visible")
    scrolled.evaluate("element => { element.scrollIntoView(); element.scrollTo(0, element.scrollHeight); }")
    top = heading(page, "acc_in").bounding_box()
    last = page.locator(".panel:visible tbody th button.open").last.bounding_box()
    assert top is not None
    assert last is not None
    assert -1 < top["y"] < last["y"] < viewport["height"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_a_phone_shows_numbers_beside_long_names(open_page: Callable[..., Any]) -> None:
    page = open_page(viewport=PHONE)
    page.locator(".panel:visible button.open").first.click()
    attacks = page.locator("td.unfolded .wide").filter(has_text="Live attacks")
    number = attacks.locator("tbody td").first.bounding_box()
    assert number["x"] + number["width"] <= PHONE["width"]


def test_paper_takes_every_column_in_dark_ink(open_page: Callable[..., Any]) -> None:
    page = open_page(viewport={"width": 718, "height": 1000}, color_scheme="dark")  # A4 without its margins
    page.locator("#theme").click()
    page.locator("#theme").click()
    page.emulate_media(media="print", color_scheme="dark")
    for table in page.locator("table.leaderboard").all():
        box = table.bounding_box()
        assert box["x"] + box["width"] <= 718
    ink = page.locator("body").evaluate("element => getComputedStyle(element).color")
    assert contrast(ink, "rgb(255, 255, 255)") >= 4.5


def test_best_and_marks_are_said_and_not_shown_alone(open_page: Callable[..., Any]) -> None:
    page = open_page()
    assert page.locator(".panel:visible tbody td strong").first.inner_text() == "85.50"
    assert page.locator("span[aria-label]:not([role])").count() == 0


def test_without_scripts_everything_is_there(open_page: Callable[..., Any]) -> None:
    page = open_page(java_script_enabled=False)
    for text in ("freelb", "zebra", "71.25", "alpha"):
        assert page.get_by_text(text).first.is_visible()


def test_hostile_names_do_nothing(open_page: Callable[..., Any]) -> None:
    page = open_page("#zebra-minilm")
    page.locator(".panel:visible button.open").last.click()
    page.locator(".panel:visible button.open").first.click()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0


def looked_at(page: Any) -> np.ndarray:
    """Grey values of what is seen, (height, width); it is not blank."""
    from PIL import Image

    with Image.open(io.BytesIO(page.screenshot())) as picture:
        grey = np.asarray(picture.convert("L"))
    assert grey.shape == (DESKTOP["height"], DESKTOP["width"])
    assert len(np.unique(grey)) > 50
    return grey


def contrast(ink: str, ground: str) -> float:
    """Contrast ratio of two CSS colours, as WCAG defines it."""
    lights = sorted(luminance(color) + 0.05 for color in (ink, ground))
    return lights[1] / lights[0]


def luminance(color: str) -> float:
    parts = [float(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
