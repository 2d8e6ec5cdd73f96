"""
Who is asked at a hook: of mitmproxy's addons those that have a function for it.

mitmproxy walks through its whole list of addons at each hook, and once more to tell of a changed
flow: some fourteen times in a small call, past thirty addons each time, of which one or two listen.
To go by one that does not listen, it enters a context manager, a coroutine and two generators; in
all that is several times what a call costs otherwise. Here those are left out; the others are asked
by mitmproxy's own functions, in the same order.
"""

from operator import is_
from typing import Any, cast

from mitmproxy.addonmanager import AddonManager, safecall
from mitmproxy.exceptions import AddonHalt
from mitmproxy.hooks import Hook

# Addons of these packages listen to what their classes say, as long as they live.
_SETTLED = ("mitmproxy.",)


class Hearers:
    """Of one list of addons, which may change at any time."""

    def __init__(self, manager: AddonManager) -> None:
        self._manager = manager
        self._chain: list[object] = []  # as it was when the rest was found
        self._open: dict[str, list[object]] = {}  # by hook: all but those that never listen to it

    async def trigger_event(self, event: Hook) -> None:
        """In the place of the manager's own."""
        chain, name = self._manager.chain, event.name
        known = len(chain)
        for addon in self._perhaps(chain, name):
            if _listens(addon, name) and await self._halts(addon, event):
                return
        for addon in chain[known:]:  # one of them has added these
            if await self._halts(addon, event):
                return

    async def _halts(self, addon: object, event: Hook) -> bool:
        """Ask it; whether nobody behind it is to be asked."""
        try:
            with safecall():
                await self._manager.invoke_addon(addon, event)
        except AddonHalt:
            return True
        return False

    def _perhaps(self, chain: list[object], name: str) -> list[object]:
        if len(chain) != len(self._chain) or not all(map(is_, chain, self._chain)):
            self._chain, self._open = list(chain), {}
        found = self._open.get(name)
        if found is None:
            found = self._open[name] = [each for each in chain if not _is_deaf(each, name)]
        return found


def _is_deaf(addon: object, name: str) -> bool:
    """Whether it can never listen to this: mitmproxy's own, without a function or parts."""
    kind = type(addon)
    settled = kind.__module__.startswith(_SETTLED) and not hasattr(kind, "__getattr__")
    return settled and not (hasattr(addon, name) or hasattr(addon, "addons"))


def _listens(addon: Any, name: str) -> bool:
    """Whether it, or a part of it, has something by that name now."""
    try:
        if getattr(addon, name, None):
            return True
        return any(_listens(part, name) for part in getattr(addon, "addons", ()))
    except Exception:  # noqa: BLE001  mitmproxy meets the same, and says whose it is
        return True


def install(manager: AddonManager) -> None:
    """From now on, ask only those."""
    cast("Any", manager).trigger_event = Hearers(manager).trigger_event
