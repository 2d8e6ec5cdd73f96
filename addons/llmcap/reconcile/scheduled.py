"""
The bills that a config wants laid beside the ledger day by day, each in a process of its own.

What came of it is kept beside the ledger (`kept`), and told where too little of a bill passed here.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from llmcap.reconcile.kept import kept_path, read_kept
from llmcap.tariffs.adopted import Daily, Notify
from llmcap.words.rules import CaptureRule, EventKind

KIND = str(EventKind.CAPTURE)
HOUR_SECONDS = 3600
ERROR = 2  # of `llmcap reconcile`: it could not be compared; 0 and 1 are verdicts


class Bills:
    """Those of one ledger. One proxy of those that share it does it, once in the time asked for."""

    def __init__(self, ledger: str, notify: Notify) -> None:
        """`notify` is told a kind, a sentence, and what it is about."""
        self._ledger = ledger
        self._notify = notify
        self._running: dict[str, Daily] = {}
        self._rule: CaptureRule | None = None

    def look(self, rule: CaptureRule | None) -> None:
        """Begin what is due under this rule, and tell of what has ended."""
        if rule != self._rule:
            self.stop()
            self._rule = rule
            self._running = {} if rule is None else {p: self._of(p, rule) for p in rule.keys}
        for each in self._running.values():
            each.look()

    def stop(self) -> None:
        """End those that are under way."""
        for each in self._running.values():
            each.stop()

    def _of(self, provider: str, rule: CaptureRule) -> Daily:
        tried = kept_path(self._ledger).with_suffix(f".{provider}.tried")
        return Daily(
            command(provider, rule, self._ledger),
            self._ender(provider, rule),
            tried,
            seconds=rule.hours * HOUR_SECONDS,
        )

    def _ender(self, provider: str, rule: CaptureRule) -> Callable[[int, str], None]:
        def ended(code: int, said: str) -> None:
            if code >= ERROR or code < 0:
                text = f"the bill of {provider} was not compared: {said}"
                self._notify(KIND, text, f"{provider}: not compared")
                return
            kept = read_kept(self._ledger).get(provider)
            if kept is not None and kept.is_below(rule.percent):
                billed = f"what {provider} billed since {kept.since}"
                text = (
                    f"less than {rule.percent}% of {billed} passed here: {kept.verdict}. "
                    f"`llmcap reconcile --api {provider}` says what it is"
                )
                self._notify(KIND, text, f"{provider}: captured")

        return ended


def command(provider: str, rule: CaptureRule, ledger: str | Path) -> list[str]:
    """The comparison as a command of its own."""
    options = {
        "--api": provider,
        "--key": rule.keys[provider],
        "--since": f"{rule.days}d",
        "--ledger": str(ledger),
        "--url": rule.urls.get(provider, ""),
    }
    given = [word for option, value in options.items() if value for word in (option, value)]
    return [sys.executable, "-m", "llmcap.cli", "reconcile", "--keep", *given]
