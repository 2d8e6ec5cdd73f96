"""`llmcap tray`: what is spent, in the tray of a desktop; it asks the page, and opens it."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click

from llmcap.cli.options import Number
from llmcap.cli.output import tell
from llmcap.launch import standing
from llmcap.launch.pageprocess import PageProcess
from llmcap.page.access import Role
from llmcap.screens.tray import Document, Told, look, picture
from llmcap.words.errors import ConfigError

LOOK_SECONDS = 2
ELSEWHERE = "hint: start it in a desktop session; `llmcap top` and `llmcap statusline` need none"
X11_EVENTS = 1 << 15 | 1 << 17 | 1 << 2  # what is exposed, what happens to the window, clicks

SHARE = Number[int]("share", click.IntRange(1, 100))


@click.command()
@click.option(
    "--at", "shares", multiple=True, type=SHARE, default=(80, 100),
    show_default=True, help="Tell when so many percent of a cap are taken; once a window.",
)  # fmt: skip
def tray(shares: tuple[int, ...]) -> None:
    """
    Show what is spent in the tray of your desktop, of the proxy that `llmcap up` started.

    The icon has what the budget has spent of which the least is left, its colour says how much that
    is; the menu has all budgets, and opens the page. Needs the extra `tray`.
    """
    library = _library()
    seen = {"look": look(None)}
    icon = library.Icon("llmcap", picture(seen["look"]), seen["look"].title)
    dock = _mend(icon)
    ended = threading.Event()

    def end(*_: object) -> None:
        ended.set()
        icon.stop()

    def items() -> list[Any]:
        lines = [library.MenuItem(each, None, enabled=False) for each in seen["look"].lines]
        return [
            library.MenuItem("Open the page", _open_page, default=True),
            library.Menu.SEPARATOR,
            *(lines or [library.MenuItem(seen["look"].title, None, enabled=False)]),
            library.Menu.SEPARATOR,
            library.MenuItem("Quit", end),
        ]

    icon.menu = library.Menu(items)

    def follow() -> None:
        icon.visible = True
        told = Told(shares)
        while not ended.is_set():
            document = _document()
            for news in told.news(document):
                _notify(icon, news)
            if (now := look(document)) != seen["look"]:
                seen["look"] = now
                icon.icon, icon.title = picture(now), now.title
                icon.update_menu()
            ended.wait(LOOK_SECONDS)
            dock()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    # In no thread that has to end first: it may wait for the icon, which has ended.
    icon.run(setup=lambda _: threading.Thread(target=follow, daemon=True).start())


def _library() -> Any:
    """The package that speaks to the desktop. Raises `ConfigError` with what is missing."""
    on_unix = sys.platform not in ("win32", "darwin")
    if on_unix and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ConfigError(f"there is no display to show a tray on: DISPLAY is not set\n{ELSEWHERE}")
    try:
        import PIL  # noqa: F401, PLC0415
        import pystray  # noqa: PLC0415
    except ImportError as error:
        if error.name not in ("PIL", "pystray"):
            raise _no_display(error) from error
        raise ConfigError(
            f"the package {error.name} is missing\nhint: pip install 'llmcap-mitmproxy[tray]'"
        ) from error
    except Exception as error:  # a backend of pystray looks for its display as it is imported
        raise _no_display(error) from error
    return pystray


def _no_display(error: Exception) -> ConfigError:
    display = os.environ.get("DISPLAY", "")
    return ConfigError(
        f"the display {display!r} cannot be used for a tray: {' '.join(str(error).split())}\n"
        f"{ELSEWHERE}"
    )


def _mend(icon: Any) -> Callable[[], None]:
    """
    What pystray 0.19.5 leaves out on plain X11, where no other way to a tray is installed.

    It asks for a place once, and again only with another picture (`_xorg.py`, `_update_icon`): a
    tray that begins later, or again, stays empty, and IceWM lets go of an icon that asks twice. And
    it handles clicks that its window has not asked for. Gives what asks where there is no place.
    """
    if getattr(icon, "_dock_window", None) is None:  # another desktop's
        return lambda: None

    def dock() -> None:
        tree = icon._window.query_tree()  # noqa: SLF001 - as above
        if tree.parent == tree.root:  # a tray makes it a child of its own
            icon._window.unmap()  # noqa: SLF001 - else the next window manager gives it a frame
            icon._dock_window()  # noqa: SLF001

    icon._assert_docked = dock  # noqa: SLF001
    icon._window.change_attributes(event_mask=X11_EVENTS)  # noqa: SLF001
    show: Callable[[], None] = icon._show  # noqa: SLF001 - in its own thread, where X11 is spoken
    return show


def _page() -> PageProcess | None:
    """That of the proxy that stands now; it may be another one than a moment ago."""
    found = standing.find()
    return PageProcess(found.page, Path(found.ledger)) if found and found.page else None


def _document() -> Document | None:
    page = _page()
    if page is None:
        return None
    try:
        status, _, body = asyncio.run(page.ask("/api/now"))
        document: Document | None = json.loads(body) if status == HTTPStatus.OK else None
    except (OSError, ConfigError, ValueError):  # the last: it ended in the middle of its answer
        return None
    return document


def _open_page() -> None:
    page = _page()
    if page is None:
        tell("no proxy with a page stands: `llmcap up` starts one")
    elif not webbrowser.open(page.url(Role("admin"))):
        tell(f"no browser could be opened: {page.url(Role('admin'))}")


def _notify(icon: Any, text: str) -> None:
    """By the desktop where the library can, else by its own command; always on stderr."""
    tell(text)
    if icon.HAS_NOTIFICATION:
        icon.notify(text, "LLMCap")
    elif command := shutil.which("notify-send"):
        subprocess.Popen([command, "--app-name=LLMCap", "LLMCap", text])  # noqa: S603
