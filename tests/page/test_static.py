"""The parts of the page that are files: as they were published, and whole."""

import hashlib
import re

from llmcap.page.handlers import FILES, STATIC

VENDOR = STATIC / "vendor"


def test_what_is_of_others_is_as_it_was_published():
    """The list has every file, its version and its sum."""
    told = dict(
        re.findall(
            r"^\| `(\S+)` \|.*\| `([0-9a-f]{64})` \|$", read("vendor/README.md"), re.MULTILINE
        )
    )
    found = {path.name for path in VENDOR.iterdir() if path.name != "README.md"}
    assert told.keys() == found
    for name, digest in told.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name


def read(name: str) -> str:
    """A file of the page."""
    return (STATIC / name).read_text(encoding="utf-8")


def test_every_part_that_the_page_names_is_served():
    """A module, a style or a picture that is missing would be seen only by who looks."""
    named = set(re.findall(r'(?:src|href)="(/[^"]+)"', read("index.html")))
    for path in STATIC.glob("*.js"):
        named |= {"/" + name for name in re.findall(r'from "\./([^"]+)"', path.read_text("utf-8"))}
    assert named <= set(FILES)
    assert len(named) > 10


def test_no_text_of_a_client_is_ever_read_as_markup():
    """Our modules make elements from texts alone: CSP is the second lock, and not the first."""
    for path in STATIC.glob("*.js"):
        text = path.read_text("utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        assert "style=" not in text
