"""Photograph the published page for the README: ``python docs/screenshots.py`` writes docs/images/*.png.

Needs Chromium and the dev extra.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "leaderboard" / "leaderboard.html"
IMAGES = ROOT / "docs" / "images"
TAB = "sentiment-minilm"


def unfold(page: Page, method: str) -> None:
    """Show what lies behind a row."""
    page.get_by_role("button", name=method, exact=True).locator("visible=true").click()


def main() -> None:
    """Take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for name, width, height, scheme, method in (
            ("page", 1400, 760, "light", ""),
            ("page-behind-a-row", 1280, 900, "dark", "wconsol"),
            ("page-phone", 390, 760, "light", ""),
        ):
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(PAGE.as_uri())
            page.locator(f"#tabs a[href='#{TAB}']").click()
            if method:
                unfold(page, method)
            page.screenshot(path=IMAGES / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
