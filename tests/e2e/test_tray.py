"""`llmcap tray` in a real tray, on a display of its own, beside a real `llmcap up`."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import batched
from pathlib import Path

import pytest
from PIL import Image

from llmcap.screens.tray import COLOURS

from .test_up import CURL, Shell, shell

# A display without a screen, a window manager with a tray, and who takes pictures and clicks.
PROGRAMS = ("Xvfb", "icewm", "import", "xdotool")
SECONDS = 300  # ends what hangs
PIXELS_MIN = 60  # of one colour, in an icon as small as a tray makes it

__all__ = ["shell"]


class Screen:
    """A display, as somebody sees it and clicks on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = ExitStack()
        self.name = ""

    def start(self) -> None:
        """The display, which chooses its own number."""
        read, write = os.pipe()
        self.run(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "480x270x24", "-nolisten", "tcp"],
            pass_fds=(write,),
        )
        os.close(write)
        with os.fdopen(read) as told:
            self.name = f":{told.readline().strip()}"

    def manage(self) -> subprocess.Popen:
        """Its window manager, which has a tray."""
        return self.run(["icewm"], env=self.environ)

    @property
    def environ(self) -> dict[str, str]:
        """For programs on it."""
        return {"PATH": os.environ["PATH"], "HOME": str(self._folder), "DISPLAY": self.name}

    def run(self, command: list[str], **how) -> subprocess.Popen:
        """Until the screen is closed."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, **(quiet | how))
        self._running.callback(process.wait)
        self._running.callback(process.terminate)
        return process

    def picture(self, name: str) -> Image.Image:
        """What is to be seen now."""
        path = Path(os.environ.get("SURFACES_PICTURES") or self._folder) / name
        subprocess.run(
            ["import", "-window", "root", str(path)], env=self.environ, check=True, timeout=SECONDS
        )
        with Image.open(path) as image:
            return image.convert("RGB")

    def icon(self, mood: str, name: str) -> tuple[int, int]:
        """Where an icon of this colour is, once there is one."""
        colour = tuple(bytes.fromhex(COLOURS[mood][1:]))
        deadline = time.monotonic() + SECONDS
        while True:
            image = self.picture(name)
            found = [
                (number % image.width, number // image.width)
                for number, pixel in enumerate(batched(image.tobytes(), 3))
                if all(abs(a - b) < 12 for a, b in zip(pixel, colour, strict=True))
            ]
            if len(found) >= PIXELS_MIN:
                return found[len(found) // 2]
            assert time.monotonic() < deadline, f"no icon of {mood} in {name}: {len(found)}"
            time.sleep(0.2)

    def close(self) -> None:
        """End what was started on it."""
        self._running.close()


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """One that ends with the test."""
    made = Screen(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason="`apt install xvfb icewm imagemagick xdotool`"
)
def test_the_tray_shows_what_is_spent_and_opens_the_page(
    shell: Shell, screen: Screen, tmp_path: Path
) -> None:
    """
    Green, then amber with a word at 80 %, then red at the cap; a click has the page's link.

    Also in a tray that begins after it, or another time.
    """
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    browser.chmod(0o755)
    shell("$LLMCAP up --port 0 --page-port 0 --cap '5 requests/day'")
    shell.environ |= {"DISPLAY": screen.name, "BROWSER": str(browser)}
    said = tmp_path / "said"
    with said.open("w") as output:
        tray = screen.run(
            [sys.executable, "-m", "llmcap.cli", "tray"], env=shell.environ, stderr=output
        )
    manager = screen.manage()  # the tray that it has came later
    screen.icon("good", "tray-good.png")
    call = f'eval "$($LLMCAP env)"; {CURL}'
    shell("; ".join([call] * 4))
    screen.icon("near", "tray-near.png")
    # What a call in flight holds is taken too: it may be told before the fourth has ended.
    told = r"80 % is reached: cap: [34] requests spent, 1 requests left of 5 requests\n"
    assert re.search(told, said.read_text())
    manager.kill()
    manager.wait()
    screen.manage()
    shell(call)
    place = screen.icon("over", "tray-over.png")
    assert "100 % is reached" in said.read_text()
    subprocess.run(
        ["xdotool", "mousemove", *map(str, place), "click", "1"], env=screen.environ, check=True
    )
    deadline = time.monotonic() + SECONDS
    while not opened.exists():
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.05)
    assert "/?token=" in opened.read_text()
    shell("$LLMCAP down")
    screen.icon("off", "tray-off.png")
    tray.terminate()
    assert tray.wait(SECONDS) == 0
    assert "Traceback" not in said.read_text()
