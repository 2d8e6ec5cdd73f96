"""
Somebody with a browser who looks at a fleet: all nodes, one of them, and an outage of the treasury.

    python fleet_program.py ADMIN_URL NODE AXE_JS PICTURES_FOLDER

Prints one line of JSON for each thing that was done, and reads a line where the treasury is to be
killed or started before it goes on. NODE is the id of another node than this machine's.
"""

import re
import sys
from pathlib import Path

from browser_program import CHROMIUM, SIZES, Person, faults, say
from playwright.sync_api import expect, sync_playwright


def until_told() -> None:
    """Until the test has done its part."""
    sys.stdin.readline()


def nodes(person: Person, node: str) -> None:
    """The fleet in every view; a node's books, which the address has and every link keeps."""
    page = person.page
    person.look("now")
    rows = page.get_by_role("region", name="Nodes of the fleet").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(page.locator("#said")).to_have_text("2 nodes, live")
    chooser = page.get_by_label("Whose books")
    expect(chooser).to_have_value("")
    person.look("calls")
    calls = page.locator("tbody tr")
    expect(calls).to_have_count(2)
    chooser.select_option(node)
    expect(page).to_have_url(re.compile("node=" + node))
    expect(calls).to_have_count(1)
    page.get_by_role("link", name="Spend").click()
    expect(page).to_have_url(re.compile("#spend.*node=" + node))
    expect(page.locator(".fact b").first).to_have_text("$0.07")
    page.go_back()
    expect(calls).to_have_count(1)
    page.reload()
    expect(calls).to_have_count(1)
    calls.locator("a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One call")
    expect(page).to_have_url(re.compile("node=" + node))
    page.get_by_role("link", name="Now").click()
    expect(page.locator("#inside")).to_contain_text("its own page shows them")
    chooser.select_option("")
    expect(page.locator("#inside")).not_to_contain_text("its own page shows them")
    person.look("spend", "?by=node")
    expect(page.locator("tbody tr")).to_have_count(1)  # two nodes of one name
    person.look("exposure")
    expect(page.locator("tbody tr")).to_have_count(1)
    say("nodes")


def outage(person: Person) -> None:
    """The page says so and shows this machine's own; then it is the fleet's again."""
    page = person.page
    person.look("now")
    spent = page.locator(".budget .legend")
    expect(spent).to_contain_text("$0.12 spent")
    say("kill it")
    until_told()
    expect(page.locator("#note")).to_contain_text("ledger of this machine alone")
    expect(spent).to_contain_text("$0.05 spent")
    expect(page.locator("#said")).to_contain_text("proxy")
    say("start it")
    until_told()
    expect(page.locator("#note")).to_be_hidden()
    expect(spent).to_contain_text("$0.12 spent")
    say("back")


def main() -> None:
    """All of it, in one browser."""
    admin, node, axe_path, folder = sys.argv[1:]
    axe = Path(axe_path).read_text(encoding="utf-8")
    Path(folder).mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for size, (width, height) in SIZES.items():
            context = browser.new_context(viewport={"width": width, "height": height})
            person = Person(context.new_page(), admin)
            person.look("now")
            expect(person.page.locator("#node")).to_be_visible()
            expect(person.page.locator(".budget").first).to_be_visible()
            person.fits()
            found = faults(person.page, axe)
            assert not found, found
            person.page.screenshot(path=Path(folder) / f"fleet-{size}.png", full_page=True)
            if size == "wide":
                nodes(person, node)
                assert not person.wrong, person.wrong
                outage(person)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
