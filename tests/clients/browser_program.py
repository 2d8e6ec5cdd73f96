"""
Somebody with a browser: every view and action of the page, looked at and pictured.

    python browser_program.py ADMIN_URL VIEWER_URL AXE_JS PICTURES_FOLDER ROUGH_URL

ROUGH_URL opens another page, whose ledger has names that nobody would think of. Playwright drives
Debian's Chromium. Prints one line of JSON for each thing that was done; what is
wrong ends it with a trace.
"""

import json
import os
import re
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = os.environ.get("SURFACES_CHROMIUM", "/usr/bin/chromium")
VIEWS = {"now": "Now", "spend": "Spend", "calls": "Calls", "exposure": "Exposure"}
SIZES = {"wide": (1200, 900), "narrow": (360, 780)}
SECONDS = 300_000  # what hangs is told; nothing is asserted about how long it takes


def say(what: str, **more: object) -> None:
    """A line for the test."""
    print(json.dumps({"did": what, **more}), flush=True)


class Person:
    """A page that tells everything that goes wrong on it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.base = url.partition("/?")[0]
        self.wrong: list[str] = []
        page.set_default_timeout(SECONDS)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("console", self._console)
        page.on("request", self._request)
        page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        page.goto(url)

    def _console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.type}: {message.text}")

    def _request(self, request) -> None:
        if not request.url.startswith((self.base + "/", "data:")):
            self.wrong.append(f"asked elsewhere: {request.url}")

    def look(self, view: str, query: str = "") -> None:
        """Go to a view and wait until it is there."""
        self.page.goto(f"{self.base}/#{view}{query}")
        expect(self.page.get_by_role("heading", level=1)).to_have_text(VIEWS[view])
        expect(self.page.locator("nav a[aria-current]")).to_have_text(VIEWS[view])

    def fits(self) -> None:
        """Nothing has to be scrolled sideways."""
        wider = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wider <= 0, f"{self.page.url} is {wider} pixels too wide"


def faults(page: Page, axe: str) -> list[str]:
    """What axe-core finds that is serious or critical."""
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def pictures(browser, admin: str, axe: str, folder: Path) -> None:
    """Every view, light and dark, wide and narrow: whole, within its width, without a fault."""
    for scheme in ("light", "dark"):
        for size, (width, height) in SIZES.items():
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme,
                reduced_motion="reduce",
            )  # fmt: skip
            person = Person(context.new_page(), admin)
            for view in VIEWS:
                person.look(view, "?span=30d" if view == "spend" else "")
                if view == "now":
                    expect(person.page.locator(".budget").first).to_be_visible()
                if view == "spend":
                    expect(person.page.locator(".chart canvas")).to_be_visible()
                person.fits()
                found = faults(person.page, axe)
                assert not found, (view, scheme, size, found)
                person.page.screenshot(path=folder / f"{view}-{scheme}-{size}.png", full_page=True)
            assert not person.wrong, person.wrong
            context.close()
    say("pictures", count=sum(len(list(folder.glob(f"{view}-*.png"))) for view in VIEWS))


def act(person: Person, verb: str, budget: str, reason: str, amount: str = "") -> None:
    """Press the button of a budget, fill in the dialog, and wait for what is told."""
    page = person.page
    page.get_by_role("button", name=re.compile(f"^{verb} {budget}")).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    if amount:
        dialog.locator("#amount").fill(amount)
    dialog.locator("#reason").fill(reason)
    dialog.get_by_role("button", name=verb, exact=True).click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#toast")).to_contain_text(reason)


def actions(person: Person) -> None:
    """Raise and undo, set, pause and resume, reset: seen on the page without a reload."""
    page = person.page
    person.look("now")
    card = page.locator(".budget").filter(has=page.get_by_role("heading", name="everything"))
    expect(card).to_contain_text("of $5.00")
    act(person, "Raise", "everything", "a big day", "3")
    expect(card).to_contain_text("of $8.00")
    page.locator("#toast").get_by_role("button", name="Undo").click()
    expect(card).to_contain_text("of $5.00")
    act(person, "Set", "everything", "less now", "4")
    expect(card).to_contain_text("of $4.00")
    act(person, "Pause", "everything", "night")
    expect(card).to_contain_text("paused")
    act(person, "Resume", "everything", "morning")
    expect(card).not_to_contain_text("paused")
    act(person, "Reset", "everything", "anew")
    expect(card).to_contain_text("$0 spent")
    page.get_by_role("button", name=re.compile("^Raise everything")).first.click()
    dialog = page.get_by_role("dialog")
    dialog.locator("#amount").fill("lots")
    dialog.locator("#reason").fill("r")
    dialog.get_by_role("button", name="Raise", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("'lots'")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    # That mistake was meant; Chromium tells each answer of its kind.
    told = [wrong for wrong in person.wrong if "status of 400" in wrong]
    assert len(told) == 1, person.wrong
    person.wrong.remove(told[0])
    say("actions")


def reading(person: Person) -> None:
    """Filters are in the address; a call has a page; a value leads to its calls; keys suffice."""
    page = person.page
    person.look("spend", "?span=24h&by=project")
    expect(page.locator("tbody tr").first).to_be_visible()
    page.get_by_label("by", exact=True).select_option("model")
    expect(page).to_have_url(re.compile("by=model"))
    page.get_by_role("button", name="30d").click()
    expect(page).to_have_url(re.compile("span=30d"))
    page.locator("tbody a").first.click()
    expect(page).to_have_url(re.compile("#calls.*model="))
    expect(page.locator("tbody tr").first).to_be_visible()
    page.get_by_label("state").select_option("refused")
    page.get_by_role("button", name="Find").click()
    expect(page).to_have_url(re.compile("state=refused"))
    person.look("calls")
    rows = page.locator("tbody tr")
    expect(rows.first).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as CSV").click()
    lines = Path(saved.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("time,id,state"), lines[0]
    page.locator("tbody a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One call")
    expect(page.get_by_role("heading", name="In the ledger")).to_be_visible()
    say("reading", calls=len(lines) - 1)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("One call")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the view")


FETCH = """async (url) => {
    try {
        const answer = await fetch(url, {credentials: "include"});
        return answer.status + await answer.text();
    } catch (error) { return "nothing" }
}"""


def _evil(route) -> None:
    route.fulfill(body="<p>evil", content_type="text/html")


def strangers(browser, person: Person, viewer: str) -> None:
    """A viewer has no buttons; without a session there is a sentence; a frame shows nothing."""
    context = browser.new_context()
    looking = Person(context.new_page(), viewer)
    looking.look("now")
    expect(looking.page.locator(".budget").first).to_be_visible()
    assert looking.page.get_by_role("button", name=re.compile("Raise")).count() == 0
    assert not looking.wrong, looking.wrong
    context.close()
    context = browser.new_context()
    page = context.new_page()
    page.goto(person.base + "/")
    expect(page.get_by_role("alert")).to_contain_text("llmcap dashboard")
    # From a page of another origin, with the browser's own cookies.
    for name in ("localhost", "127.0.0.1"):
        stranger = person.page.context.new_page()
        stranger.route("http://evil.test/", _evil)
        stranger.goto("http://evil.test/")
        got = stranger.evaluate(FETCH, person.base.replace("127.0.0.1", name) + "/api/now")
        assert got == "nothing", got
        stranger.close()
    context.close()
    say("strangers")


def rough(browser, url: str) -> None:
    """Names and amounts that nobody would think of: they are text, in their order, and fit."""
    for width, height in SIZES.values():
        context = browser.new_context(viewport={"width": width, "height": height})
        person = Person(context.new_page(), url)
        for view in VIEWS:
            person.look(view, "?by=project&span=30d" if view == "spend" else "")
            name = person.page.get_by_text("\\u202eoverride").first
            if view != "exposure" and (view != "calls" or width > SIZES["narrow"][0]):
                expect(name).to_be_visible()
            person.fits()
            assert person.page.locator("img[src=x]").count() == 0
            assert "\u202e" not in person.page.inner_text("main")
        person.look("calls", "?state=settled")
        person.page.locator("tbody a").first.click()
        expect(person.page.get_by_role("heading", level=1)).to_have_text("One call")
        person.fits()
        assert not person.wrong, person.wrong
        context.close()
    say("rough")


def main() -> None:
    """All of it, in one browser."""
    admin, viewer, axe_path, folder, made_up = sys.argv[1:]
    axe = Path(axe_path).read_text(encoding="utf-8")
    Path(folder).mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        say("browser", version=browser.version)
        pictures(browser, admin, axe, Path(folder))
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        person = Person(context.new_page(), admin)
        reading(person)
        strangers(browser, person, viewer)
        actions(person)
        assert not person.wrong, person.wrong
        rough(browser, made_up)
        browser.close()


if __name__ == "__main__":
    main()
