"""Promise: the tray shows the page's own amounts, and tells of each threshold once."""

import doctest
import subprocess
import sys
from decimal import Decimal
from http import HTTPStatus
from itertools import batched

import pytest
from click.testing import CliRunner
from PIL import ImageFont

from llmcap.cli import main
from llmcap.cli import tray as command
from llmcap.launch import standing
from llmcap.launch.pageprocess import PageProcess
from llmcap.screens import tray
from llmcap.screens.tray import COLOURS, SIZE, Told, look, picture, title
from llmcap.words.paths import finding_us


def budget(spent: str, *, held: str = "0", cap: str = "10", **other) -> dict:
    """A bar as the page has it."""
    left = str(Decimal(cap) - Decimal(spent) - Decimal(held))
    known = {
        "name": "day", "value": "", "value_name": None, "unit": "usd", "mode": "enforce",
        "paused": False, "spent": spent, "held": held, "left": left, "cap": cap,
        "window_start": "2026-01-01",
    }  # fmt: skip
    return known | other


def document(*budgets: dict) -> dict:
    """What the page tells of this moment, as far as the tray looks."""
    return {"budgets": list(budgets)}


def test_the_amounts_are_those_of_its_examples():
    """Four characters each, cut and never rounded up to what was not spent."""
    assert doctest.testmod(tray).failed == 0
    for spent in ("0", "0.000000001", "0.999", "9.99", "10", "999.99", "1000", "123456789"):
        assert len(tray.short(spent, "usd")) <= 5
    assert tray.short(1_234, "requests") == "1k"


@pytest.mark.parametrize(
    ("found", "text", "mood", "said"),
    [
        (None, "-", "off", "no proxy stands"),
        (document(), "-", "good", "nothing is capped"),
        (document(budget("3.5")), "$3.5", "good", "$3.50 spent, $6.50 left of $10.00"),
        (document(budget("7", held="1")), "$7", "near", "$2.00 left"),
        (document(budget("10")), "$10", "over", "$0.00 left"),
        (document(budget("1", paused=True)), "$1.0", "over", "day: paused"),
        (document(budget("1"), budget("9", name="month")), "$9.0", "near", "month: "),
        (document(budget("99", mode="watch")), "-", "good", "nothing is capped"),
        (document(budget("3", unit="requests")), "3", "good",
         "3 requests spent, 7 requests left of 10 requests"),
    ],
)  # fmt: skip
def test_it_shows_the_budget_of_which_the_least_is_left(found, text, mood, said):
    """What is only watched stops nothing, and is not shown."""
    seen = look(found)
    assert (seen.text.replace("$7.0", "$7"), seen.mood) == (text, mood)
    assert said in seen.title


def test_a_client_s_name_is_one_line_and_many_are_counted():
    """A value of `per` is what a client said."""
    assert title(budget("1", value="a\nb\x1b[31m")) == r"day: a\nb\x1b[31m"
    lines = look(document(*(budget("1", value=f"v{n}") for n in range(20)))).lines
    assert len(lines) == tray.BUDGETS_SHOWN + 1
    assert lines[-1] == "and 8 more"


def test_each_threshold_is_told_once_a_window():
    """Not what was reached before the tray came, nor again after a raise took it back."""
    told = Told((80, 100))
    assert told.news(document(budget("8.5"), budget("1", name="b"))) == []
    assert told.news(None) == []
    (said,) = told.news(document(budget("8.6"), budget("10", name="b")))
    assert said.startswith("100 % is reached: b: $10.00 spent")
    assert told.news(document(budget("1"), budget("10", name="b"))) == []
    (said,) = told.news(document(budget("10"), budget("10", name="b")))
    assert said.startswith("100 % is reached: day")
    (said,) = told.news(document(budget("8", window_start="2026-01-02")))
    assert said.startswith("80 % is reached: day")


@pytest.mark.parametrize("text", ["$0", "<.01", "$.37", "$4.2", "$999", "$123G"])
def test_the_amount_is_in_the_picture(text):
    """White on the colour of its mood, and within it."""
    image = picture(tray.Look(text, "near", ""))
    assert image.size == (SIZE, SIZE)
    pixels = list(batched(image.tobytes(), 4))
    assert pixels.count((255, 255, 255, 255)) > 50
    colour = (*bytes.fromhex(COLOURS["near"][1:]), 255)
    assert pixels.count(colour) > 500
    edge = [image.getpixel((1, y)) for y in range(16, 48)]
    assert (255, 255, 255, 255) not in edge


def test_the_font_has_every_character_of_an_amount():
    """What it has not, it draws as an empty box, and says nothing."""
    font = ImageFont.load_default(40)
    box = bytes(font.getmask("\uffff"))
    amounts = [Decimal(10) ** size * digit for size in range(-4, 13) for digit in range(10)]
    written = [tray.short(str(each), unit) for each in amounts for unit in ("usd", "tokens")
               if unit == "usd" or each == int(each)]  # fmt: skip
    for letter in {*"".join(written), *look(None).text, *look(document()).text}:
        assert bytes(font.getmask(letter)) != box, letter


def test_a_page_that_breaks_off_is_none_and_is_asked_again(monkeypatch, tmp_path):
    """What was last seen would stand in the tray for good, whatever is spent."""
    answers = [b'{"budgets": [', b'{"budgets": []}']

    async def ask(*_):
        return HTTPStatus.OK, {}, answers.pop(0)

    found = standing.Standing(pid=1, port=1, ledger=str(tmp_path / "ledger"), since="", page=1)
    monkeypatch.setattr(standing, "find", lambda: found)
    monkeypatch.setattr(PageProcess, "ask", ask)
    assert command._document() is None
    assert command._document() == document()


def test_without_a_display_or_its_package_it_says_so_in_a_sentence(monkeypatch):
    """And what does the same without one."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    done = CliRunner().invoke(main, ["tray"])
    assert done.exit_code == 2
    assert "no display to show a tray on: DISPLAY is not set" in done.output
    assert "llmcap top" in done.output
    monkeypatch.setenv("DISPLAY", ":97531")
    monkeypatch.setitem(sys.modules, "pystray", None)
    done = CliRunner().invoke(main, ["tray"])
    assert done.exit_code == 2
    assert "hint: pip install 'llmcap-mitmproxy[tray]'" in done.output


def test_a_display_that_is_not_there_is_told():
    """One sentence of the library's, and no traceback."""
    environ = {**finding_us(), "DISPLAY": ":97531"}
    environ.pop("WAYLAND_DISPLAY", None)
    done = subprocess.run(
        [sys.executable, "-m", "llmcap.cli", "tray"], env=environ, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
    )  # fmt: skip
    assert done.returncode == 2
    assert "':97531' cannot be used for a tray" in done.stdout
    assert "Traceback" not in done.stdout
