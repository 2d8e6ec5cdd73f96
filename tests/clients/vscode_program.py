"""
Somebody in VS Code, in a browser: looks at the status bar, and raises a budget.

    python vscode_program.py URL PICTURE

Prints one line of JSON with what they saw; what is wrong ends it with a trace.
"""

import json
import os
import sys

from playwright.sync_api import expect, sync_playwright

CHROMIUM = os.environ.get("SURFACES_CHROMIUM", "/usr/bin/chromium")
SECONDS = 300_000  # what hangs is told; nothing is asserted about how long it takes


def main(url: str, picture: str) -> None:
    """Everything, in one window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        page.set_default_timeout(SECONDS)
        expect.set_options(timeout=SECONDS)
        page.goto(url)
        item = page.locator('[id="llmcap.llmcap.llmcap.status"]')
        expect(item).to_contain_text("left")
        before = item.inner_text()
        item.hover()
        tooltip = page.locator(".monaco-hover", has_text="in flight")
        expect(tooltip).to_be_visible()
        said = tooltip.inner_text()
        page.screenshot(path=picture)
        page.keyboard.press("F1")
        choices = page.locator(".quick-input-widget")
        expect(choices).to_be_visible()
        page.keyboard.type("LLMCap: Raise")
        choices.get_by_text("LLMCap: Raise a budget").first.click()
        choices.get_by_text("everything").first.click()
        expect(choices).to_contain_text("By how many dollars")
        page.keyboard.type("2")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Raise", exact=True).click()
        told = page.locator(".notification-toast", has_text="LLMCap")
        expect(told).to_be_visible()
        expect(item).not_to_have_text(before)
        print(
            json.dumps({"before": before, "tooltip": said, "told": told.inner_text(),
                        "after": item.inner_text()}),
            flush=True,
        )  # fmt: skip
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
